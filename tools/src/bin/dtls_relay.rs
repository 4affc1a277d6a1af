//! Lets a program that speaks plain DTLS reach a controller: see [`capledger_tools::relay`].
//!
//! ```sh
//! dtls_relay --controller 127.0.0.1:5246 --listen 127.0.0.1:4433 &
//! openssl s_client -dtls1_2 -connect 127.0.0.1:4433 -cert ap.pem -key ap.key
//! ```

use std::net::SocketAddr;
use std::process::ExitCode;

use capledger_tools::relay::Relay;
use clap::Parser;

#[derive(Parser)]
#[command(
    name = "dtls_relay",
    about = "Add and take off the CAPWAP DTLS header between a DTLS client and a controller"
)]
struct Arguments {
    /// The controller's control port
    #[arg(long, default_value = "127.0.0.1:5246")]
    controller: SocketAddr,
    /// Where DTLS clients reach the relay
    #[arg(long, default_value = "127.0.0.1:4433")]
    listen: SocketAddr,
}

fn main() -> ExitCode {
    let Arguments { controller, listen } = Arguments::parse();
    match Relay::start(listen, controller) {
        Ok(relay) => {
            println!("DTLS at {} goes to CAPWAP at {controller}", relay.address());
            relay.wait();
            ExitCode::FAILURE
        }
        Err(e) => {
            eprintln!("dtls_relay: {listen}: {e}");
            ExitCode::FAILURE
        }
    }
}
