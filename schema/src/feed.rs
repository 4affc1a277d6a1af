//! What the daemon and its clients say to each other over the local socket.
//!
//! A frame is a length (u32, big endian, at most [`FRAME_LIMIT`]) and a bincode message. A client says `Hello` first;
//! then it may subscribe once and send any number of command lines, which form one session of the command line; or it turns
//! into a terminal of the command line.

use serde::{Deserialize, Serialize};

use crate::envelope::Envelope;
use crate::id::{ControllerId, Seq};
use crate::project::State;

/// Version of these messages; a daemon refuses another.
pub const PROTOCOL: u16 = 1;

/// Octets of a frame at most.
pub const FRAME_LIMIT: u32 = 64 << 20;

/// What a client may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Privilege {
    /// Level 1: look.
    #[default]
    User,
    /// Level 15: everything.
    Privileged,
}

/// From a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientMessage {
    /// First of all.
    Hello {
        /// [`PROTOCOL`].
        protocol: u16,
        /// The user's name, for the record.
        user: String,
    },
    /// Send envelopes from here on.
    Subscribe {
        /// A snapshot first, and what follows it.
        snapshot: bool,
        /// Without a snapshot: what follows this.
        after: Seq,
    },
    /// A line of the command line.
    Command {
        /// Repeated in the reply.
        id: u64,
        /// As typed.
        line: String,
    },
    /// The connection becomes a terminal of the command line: nothing but `Typed` and `Resized` follows.
    Terminal {
        /// Columns; 0 for none: whoever types is a program, and wants no prompt and no echo.
        columns: u16,
        /// Rows.
        rows: u16,
    },
    /// Octets that were typed at the terminal.
    Typed(Vec<u8>),
    /// The terminal has another size.
    Resized {
        /// Columns.
        columns: u16,
        /// Rows.
        rows: u16,
    },
    /// Nothing more is typed.
    TypedAll,
}

/// From the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerMessage {
    /// Answers a `Hello`.
    Hello {
        /// [`PROTOCOL`].
        protocol: u16,
        /// Whose ledger.
        controller: ControllerId,
        /// Capledger's version.
        software: String,
        /// The last durable envelope.
        seq: Seq,
    },
    /// The state as of its `seq`.
    Snapshot(Box<State>),
    /// Durable envelopes, in order, without gaps.
    Events(Vec<Envelope>),
    /// Output of a command, or a part of it while it runs.
    Output {
        /// Of which command.
        id: u64,
        /// Text, `\n` line ends.
        text: String,
    },
    /// A command is done.
    Reply {
        /// Which.
        id: u64,
        /// What is left of its output.
        text: String,
        /// Whether it was accepted.
        ok: bool,
        /// The prompt that stands now.
        prompt: String,
    },
    /// The connection ends.
    Bye(String),
    /// Octets for the terminal.
    Shown(Vec<u8>),
}
