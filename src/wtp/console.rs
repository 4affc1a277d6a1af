//! The console log of an access point, in the words and the form of the two releases that the reference shows.
//!
//! A line is `[*MM/DD/YYYY HH:MM:SS.ffff] text`, stamped when its first character is printed. During a download a dot
//! stands for so many messages, and whatever else is printed continues the row of dots, as it does on a real one.

use std::fmt::Write as _;
use std::net::IpAddr;

use capledger_schema::image::ImageVersion;
use capledger_schema::time::Timestamp;

use super::config::Dialect;
use super::io::WtpEffect;
use super::script::Run;
use super::state::WtpState;

/// Messages per dot. The reference's rows break after 50 dots and its last row has six for 51,208 messages: 200 each.
const MESSAGES_PER_DOT: u64 = 200;
/// Dots per row.
const DOTS_PER_ROW: u64 = 50;

/// A console: its dialect, and the line that has no end yet.
#[derive(Clone, Debug)]
pub(super) struct Console {
    dialect: Dialect,
    open: Option<(Timestamp, String)>,
}

impl Console {
    /// A console on which nothing is printed yet.
    pub(super) fn new(dialect: Dialect) -> Self {
        Console { dialect, open: None }
    }

    /// Prints without ending the line.
    fn print(&mut self, at: Timestamp, text: &str) {
        self.open.get_or_insert_with(|| (at, String::new())).1.push_str(text);
    }

    /// Prints and ends the line.
    pub(super) fn line(&mut self, at: Timestamp, text: &str, out: &mut Vec<WtpEffect>) {
        self.print(at, text);
        if let Some((at, text)) = self.open.take() {
            let mut line = stamp(at);
            if !text.is_empty() {
                line.push(' ');
                line.push_str(&text);
            }
            out.push(WtpEffect::Console(line));
        }
    }

    fn lines(&mut self, at: Timestamp, texts: &[&str], out: &mut Vec<WtpEffect>) {
        for text in texts {
            self.line(at, text, out);
        }
    }

    /// The state machine enters a state. Most states begin a paragraph.
    pub(super) fn state(&mut self, at: Timestamp, state: WtpState, out: &mut Vec<WtpEffect>) {
        if !matches!(state, WtpState::ImageData | WtpState::Run) {
            self.line(at, "", out);
        }
        self.line(at, &format!("CAPWAP State: {}", state.name()), out);
    }

    /// A WTP Event that cannot be sent in this state.
    pub(super) fn discarding_event(&mut self, at: Timestamp, state: WtpState, out: &mut Vec<WtpEffect>) {
        let text = format!(
            "Discarding msg CAPWAP_WTP_EVENT_REQUEST(type 9) in CAPWAP state: {}({}).",
            state.name(),
            state.number()
        );
        self.line(at, &text, out);
    }

    /// The versions are compared after a Join Response.
    pub(super) fn versions(
        &mut self,
        at: Timestamp,
        (active, backup): (ImageVersion, Option<ImageVersion>),
        wanted: ImageVersion,
        out: &mut Vec<WtpEffect>,
    ) {
        let backup = backup.map_or_else(|| "0.0.0.0".to_owned(), |v| v.to_string());
        self.line(at, &format!("AP image version {active} backup {backup}, Controller {wanted}"), out);
        if active == wanted {
            self.line(at, "Version is the same, do not need update.", out);
            return;
        }
        self.line(at, "Version does not match.", out);
    }

    /// The file that an earlier download may have left open is closed.
    pub(super) fn close_file(&mut self, at: Timestamp, out: &mut Vec<WtpEffect>) {
        if self.dialect == Dialect::Replica {
            self.lines(at, CLOSE_FILE, out);
        }
    }

    /// A line of the upgrade script.
    pub(super) fn script(&mut self, at: Timestamp, run: &Run, out: &mut Vec<WtpEffect>) {
        if let Some(text) = run.text(self.dialect) {
            self.line(at, &text, out);
        }
    }

    /// The Image Data Request goes out.
    pub(super) fn image_requested(&mut self, at: Timestamp, ac: IpAddr, file: &str, fd: u32, out: &mut Vec<WtpEffect>) {
        match self.dialect {
            Dialect::Replica => {
                self.line(at, &format!("wtpOpenImgFile: request {file}, local /tmp/part.tar"), out);
                self.line(at, "wtpOpenImgFile: open (/tmp/part.tar) image file success", out);
                self.line(at, &format!("Using fd({fd}) for image writing to file(/tmp/part.tar)"), out);
            }
            Dialect::Slave => {
                self.line(at, &format!("wtpImgFileReadRequest: request {file}, local /tmp/part.tar"), out);
            }
        }
        let status = match self.dialect {
            Dialect::Replica => 1,
            Dialect::Slave => 0,
        };
        self.image_request_line(at, ac, file, status, out);
    }

    fn image_request_line(&mut self, at: Timestamp, ac: IpAddr, file: &str, status: u8, out: &mut Vec<WtpEffect>) {
        let word = match self.dialect {
            Dialect::Replica => "replicaStatus",
            Dialect::Slave => "slaveStatus",
        };
        self.line(at, &format!("Image Data Request sent to {ac}, fileName [{file}], {word} {status}"), out);
    }

    /// The AC's answer to it.
    pub(super) fn image_response(&mut self, at: Timestamp, ac: IpAddr, result: u32, out: &mut Vec<WtpEffect>) {
        self.line(at, &format!("Image Data Response from {ac}"), out);
        let what = match self.dialect {
            Dialect::Replica => "previous sent request",
            Dialect::Slave => "join request",
        };
        let verb = if result == 0 { "accepted" } else { "rejected" };
        self.line(at, &format!("AC {verb} {what} with result code: {result}"), out);
    }

    /// The message of this ordinal, from 1, has brought a block.
    pub(super) fn block(&mut self, at: Timestamp, messages: u64, out: &mut Vec<WtpEffect>) {
        if messages == 1 {
            self.print(at, "<");
        }
        if messages.is_multiple_of(MESSAGES_PER_DOT) {
            self.print(at, ".");
            if messages.is_multiple_of(MESSAGES_PER_DOT * DOTS_PER_ROW) {
                self.line(at, "", out);
            }
        }
    }

    /// The last block has come.
    pub(super) fn transfer_done(
        &mut self,
        at: Timestamp,
        (octets, messages, last): (u64, u64, usize),
        out: &mut Vec<WtpEffect>,
    ) {
        self.line(at, &format!("> {octets} bytes, {messages} msgs, {last} last"), out);
    }

    /// The image is whole and its digests are right.
    pub(super) fn image_stored(&mut self, at: Timestamp, file: &str, predownload: bool, out: &mut Vec<WtpEffect>) {
        let pre = u8::from(predownload);
        self.line(at, &format!("Last block stored, IsPre {pre}, WriteTaskId 0"), out);
        self.close_file(at, out);
        self.line(at, "Image transfer completed from WLC, last 1", out);
        self.close_file(at, out);
        if self.dialect == Dialect::Replica {
            let text = "in (CAPWAP_MSGELE_IMAGE_DATA_msg_dec_cb) Enabling radCfg.is_oob_image_dnld_supported";
            self.line(at, text, out);
        }
        let text = format!("wtp_delayed_event_handle_write_image_to_storage(10): fileName {file}, pre {pre}");
        self.lines(at, &[&text, &text], out);
    }

    /// A download at join cannot go on: the WTP starts over.
    pub(super) fn restarting(
        &mut self,
        at: Timestamp,
        reason: &str,
        repeated: Option<(IpAddr, &str)>,
        out: &mut Vec<WtpEffect>,
    ) {
        self.lines(at, &["", ""], out);
        self.line(at, &format!("Going to restart CAPWAP (reason : {reason})..."), out);
        self.lines(at, &["", "Restarting CAPWAP State Machine."], out);
        if let Some((ac, file)) = repeated {
            // The reference's access point names its request once more here. What it sends is not known: ours sends
            // nothing, so that the AC sees one try and not two.
            self.image_request_line(at, ac, file, 1, out);
        }
    }
}

const CLOSE_FILE: &[&str] = &["Request to close the file..", "wtpOpenImgFile: image file closed, dcb->fd set to -1."];

/// `[*01/30/2024 21:41:35.1120]`: four decimals, of which a real one fills three.
fn stamp(at: Timestamp) -> String {
    let c = at.civil();
    let mut text = String::with_capacity(96);
    let _ = write!(
        text,
        "[*{:02}/{:02}/{:04} {:02}:{:02}:{:02}.{:03}0]",
        c.month(),
        c.day(),
        c.year(),
        c.hour(),
        c.minute(),
        c.second(),
        c.millisecond()
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    fn texts(out: Vec<WtpEffect>) -> Vec<String> {
        let text = |e| if let WtpEffect::Console(text) = e { text } else { format!("{e:?}") };
        out.into_iter().map(text).collect()
    }

    #[test]
    fn a_line_is_stamped_with_the_month_first_and_four_decimals() {
        let (mut console, mut out) = (Console::new(Dialect::Replica), Vec::new());
        console.line(at("2024-01-30T21:41:35.112Z"), "x", &mut out);
        console.line(at("2024-01-30T21:41:35.112Z"), "", &mut out);
        assert_eq!(texts(out), ["[*01/30/2024 21:41:35.1120] x", "[*01/30/2024 21:41:35.1120]"]);
    }

    #[test]
    fn a_dot_stands_for_200_messages_and_a_row_has_50() {
        let (mut console, mut out) = (Console::new(Dialect::Replica), Vec::new());
        for message in 1..=51_208 {
            console.block(Timestamp(0), message, &mut out);
        }
        console.transfer_done(Timestamp(0), (70_512_640, 51_208, 601), &mut out);
        let rows = texts(out);
        assert_eq!(rows.len(), 6);
        assert!(rows[0].ends_with(&format!("] <{}", ".".repeat(50))), "{}", rows[0]);
        assert!(rows[5].ends_with("] ......> 70512640 bytes, 51208 msgs, 601 last"), "{}", rows[5]);
    }

    #[test]
    fn what_is_printed_between_dots_ends_their_row_and_keeps_its_stamp() {
        let (mut console, mut out) = (Console::new(Dialect::Replica), Vec::new());
        console.block(at("2024-01-30T21:41:35.476Z"), 1, &mut out);
        console.block(at("2024-01-30T21:41:36Z"), 200, &mut out);
        console.discarding_event(at("2024-01-30T21:41:37Z"), WtpState::ImageData, &mut out);
        assert_eq!(
            texts(out),
            [
                "[*01/30/2024 21:41:35.4760] <.Discarding msg CAPWAP_WTP_EVENT_REQUEST(type 9) in CAPWAP state: Image Data(10)."
            ]
        );
    }
}
