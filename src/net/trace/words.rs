//! What is heard on the tap, as `debug capwap messages` prints it: one line each, behind the moment.

use std::net::SocketAddr;

use capledger_schema::project::State;
use capledger_schema::time::Timestamp;
use capledger_tui::words as told;

use super::{Blocks, Heard, Seen, What};

/// Access points whose blocks have a line of their own in a second; those of the others are added up.
const LISTED: usize = 20;

/// The lines, each with its moment; none has one where nothing says when it was.
pub(in crate::net) fn lines(heard: &[Heard], state: &State) -> Vec<(Timestamp, String)> {
    let mut out = Vec::new();
    for (n, heard_now) in heard.iter().enumerate() {
        match heard_now {
            Heard::Message(seen) => out.push((seen.at, message(seen, state))),
            Heard::Missed(missed) => {
                // It has the moment of what came after the gap.
                let after =
                    heard[n..].iter().find_map(|h| if let Heard::Message(seen) = h { Some(seen.at) } else { None });
                let messages = if *missed == 1 { "message is" } else { "messages are" };
                let text = format!(
                    "{} {messages} left out: they came faster than this terminal takes them",
                    told::count(*missed)
                );
                out.push((after.unwrap_or(state.at), text));
            }
            Heard::Blocks(blocks) => {
                let listed = blocks.iter().take(LISTED);
                out.extend(
                    listed.map(|(peer, b)| (b.last, format!("image data to {}: {}", name(*peer, state), count(b)))),
                );
                let mut rest = Blocks::default();
                for b in blocks.values().skip(LISTED) {
                    rest.sent += b.sent;
                    rest.octets += b.octets;
                    rest.acknowledged += b.acknowledged;
                    rest.last = rest.last.max(b.last);
                }
                if blocks.len() > LISTED {
                    let others = blocks.len() - LISTED;
                    out.push((rest.last, format!("image data to {others} more APs: {}", count(&rest))));
                }
            }
        }
    }
    out
}

fn message(seen: &Seen, state: &State) -> String {
    let (verb, preposition) = if seen.sent { ("sent", "to") } else { ("received", "from") };
    let peer = name(seen.peer, state);
    let octets = seen.octets;
    match seen.what {
        What::Message { message_type, seq, result } => {
            let result = result.map(|code| format!(", result {}: {code}", code.code())).unwrap_or_default();
            format!("{verb} {message_type} {preposition} {peer}, seq {seq}{result}, {octets} octets")
        }
        What::Fragment { id } => format!("{verb} fragment of message {id} {preposition} {peer}, {octets} octets"),
        What::Unreadable(error) => format!("{verb} {octets} octets {preposition} {peer} that are no message: {error}"),
    }
}

/// The access point's name, if one is joined from there, and the address.
fn name(peer: SocketAddr, state: &State) -> String {
    let joined = state.fleet.wtps.values().find(|w| w.live().is_some() && w.address.wtp == peer);
    joined.map_or_else(|| peer.to_string(), |w| format!("{} ({peer})", told::clean(&w.address.name)))
}

fn count(blocks: &Blocks) -> String {
    format!(
        "{} blocks, {} octets sent, {} acknowledged",
        told::count(blocks.sent),
        told::count(blocks.octets),
        told::count(blocks.acknowledged)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capwap::control::{MessageType, PacketError, ParseError};
    use crate::capwap::element::ResultCode;
    use crate::story::{Story, ap};

    #[test]
    fn each_line_says_what_it_was_whose_and_how_it_was_answered() {
        let mut story = Story::begin("2024-02-01T17:00:00Z");
        let wtp = ap("AP-1", "2c5a.0f40.6920", "172.16.4.33:5248");
        story.joined(&wtp, "C9105AXI", "17.3.3.26", None, None);
        let stranger = "172.16.4.99:5248".parse().expect("an address");
        let seen = |at, peer, sent, octets, what| Heard::Message(Seen { at: Timestamp(at), peer, sent, octets, what });
        let what = |message_type, result| What::Message { message_type, seq: 7, result };
        let refused = Some(ResultCode::ImageOtherError);
        let blocks = Blocks { sent: 1_024, octets: 1_410_048, acknowledged: 1_023, last: Timestamp(5) };
        let heard = [
            seen(1, stranger, false, 90, what(MessageType::DiscoveryRequest, None)),
            Heard::Missed(3),
            seen(2, wtp.wtp, true, 40, what(MessageType::ConfigurationUpdateRequest, None)),
            seen(3, wtp.wtp, false, 24, what(MessageType::ImageDataResponse, refused)),
            seen(4, wtp.wtp, false, 1_400, What::Fragment { id: 9 }),
            seen(4, stranger, false, 8, What::Unreadable(PacketError::Message(ParseError::Truncated { got: 0 }))),
            Heard::Blocks([(wtp.wtp, blocks)].into()),
        ];
        let text: Vec<String> =
            lines(&heard, &story.state).iter().map(|(at, line)| format!("{} {line}", at.0)).collect();
        assert_eq!(
            text,
            [
                "1 received Discovery Request from 172.16.4.99:5248, seq 7, 90 octets",
                "2 3 messages are left out: they came faster than this terminal takes them",
                "2 sent Configuration Update Request to AP-1 (172.16.4.33:5248), seq 7, 40 octets",
                "3 received Image Data Response from AP-1 (172.16.4.33:5248), seq 7, \
                 result 16: Image Data Error (Other Error), 24 octets",
                "4 received fragment of message 9 from AP-1 (172.16.4.33:5248), 1400 octets",
                "4 received 8 octets from 172.16.4.99:5248 that are no message: control header of 8 octets cut at 0",
                "5 image data to AP-1 (172.16.4.33:5248): 1,024 blocks, 1,410,048 octets sent, 1,023 acknowledged",
            ]
        );
    }

    #[test]
    fn blocks_of_a_whole_fleet_are_a_few_lines() {
        let state = State::default();
        let one = Blocks { sent: 2, octets: 100, acknowledged: 1, last: Timestamp(1) };
        let blocks = (0..100u8).map(|n| (SocketAddr::from(([172, 16, 4, n], 5248)), one)).collect();
        let lines = lines(&[Heard::Blocks(blocks)], &state);
        assert_eq!(lines.len(), LISTED + 1);
        let last = lines.last().map(|(_, line)| line.as_str());
        assert_eq!(last, Some("image data to 80 more APs: 160 blocks, 8,000 octets sent, 80 acknowledged"));
    }
}
