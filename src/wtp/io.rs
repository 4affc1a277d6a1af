//! What goes into a WTP and what comes out of it. Shells and simulations translate these to sockets or to each other.

use std::net::SocketAddr;

use bytes::Bytes;

/// Everything that can happen to a WTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WtpInput<'a> {
    /// A datagram in clear on the control channel: a Discovery Response, or noise.
    Clear {
        /// Who sent it.
        from: SocketAddr,
        /// The whole datagram.
        bytes: &'a [u8],
    },
    /// The DTLS session that was asked for is up.
    Connected,
    /// It could not be set up.
    ConnectFailed,
    /// A datagram from the AC, decrypted: a CAPWAP header and what follows it.
    Message {
        /// The plaintext.
        bytes: &'a [u8],
    },
    /// A datagram on the data channel.
    Data {
        /// The whole datagram.
        bytes: &'a [u8],
    },
    /// The AC ended the DTLS session, or DTLS gave it up. Not to be given for a session that the WTP itself ended
    /// ([`WtpEffect::Disconnect`], [`WtpEffect::Vanish`]): it may have asked for the next one by then.
    Closed,
    /// Something happened at the WTP that is worth a WTP Event Request.
    Event,
    /// The power goes.
    PowerCut,
    /// The power comes (also: the first input of all).
    PowerOn,
    /// Nothing but the passing of time.
    Tick,
}

/// What a shell is to do for a WTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WtpEffect {
    /// Send in clear on the control channel.
    SendClear {
        /// To whom.
        to: SocketAddr,
        /// The whole datagram.
        bytes: Bytes,
    },
    /// Set up a DTLS session as the client.
    Connect {
        /// With whom.
        to: SocketAddr,
    },
    /// Encrypt and send to the AC.
    Send {
        /// A CAPWAP header and what follows it.
        bytes: Bytes,
    },
    /// Send on the data channel, in clear.
    SendData {
        /// To whom.
        to: SocketAddr,
        /// The whole datagram.
        bytes: Bytes,
    },
    /// End the DTLS session and say so to the peer (close_notify).
    Disconnect,
    /// Forget the DTLS session without a word: the power is gone.
    Vanish,
    /// One line of the console, without its newline.
    Console(String),
    /// Octets of the image that is being received (only with [`super::Knobs::hand_out_octets`]). An offset of zero
    /// begins a new image.
    Store {
        /// From where.
        offset: u64,
        /// They.
        bytes: Bytes,
    },
    /// The image that was received is whole, verified and in a partition.
    StoreDone,
    /// The image that was received is of no use.
    StoreAborted,
}
