//! Test fixture: tells a story as envelopes and keeps their folds, so that a view's test states facts and not state.

use std::net::SocketAddr;
use std::time::Duration;

use capledger_schema::event::{
    CipherSuite, DisjoinReason, DownloadMethod, DownloadMode, DtlsSession, DtlsVersion, SessionDescription, WtpAddress,
    WtpInventory,
};
use capledger_schema::failure::{DownloadFailureKind, FetchFailure, FetchFailureKind};
use capledger_schema::id::{ControllerId, Md5, OperationId, Seq, SessionId, Sha256, WtpId};
use capledger_schema::image::{ImageFacts, ImageFamily, ImageVersion};
use capledger_schema::project::{Projection, State};
use capledger_schema::setting::Setting;
use capledger_schema::time::Timestamp;
use capledger_schema::{Cause, Envelope, Event, Source, Subject};

use crate::syslog::Log;

/// Facts told so far, and their folds.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) at: Timestamp,
    pub(crate) envelopes: Vec<Envelope>,
    pub(crate) state: State,
    pub(crate) log: Log,
    next: u64,
    ledger: bool,
}

pub(crate) fn moment(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

pub(crate) fn version(text: &str) -> ImageVersion {
    text.parse().expect("a version")
}

pub(crate) fn family(text: &str) -> ImageFamily {
    text.parse().expect("a family")
}

pub(crate) fn image(name: &str, of: &str) -> ImageFacts {
    ImageFacts {
        family: family(name),
        version: version(of),
        octets: 70_512_640,
        sha256: Sha256([7; 32]),
        md5: Md5([7; 16]),
    }
}

/// An AP whose Ethernet MAC is its Base MAC with the last digit changed, as Catalyst APs have it.
pub(crate) fn ap(name: &str, mac: &str, wtp: &str) -> WtpAddress {
    let base_mac: capledger_schema::id::MacAddr = mac.parse().expect("a MAC address");
    let mut ethernet_mac = base_mac;
    ethernet_mac.0[5] ^= 4;
    WtpAddress {
        id: WtpId::BaseMac(base_mac),
        name: name.to_owned(),
        base_mac,
        ethernet_mac,
        wtp: wtp.parse().expect("an address"),
        ac: "172.16.4.26:5246".parse().expect("an address"),
    }
}

/// A session over DTLS 1.2 with this suite, and an AP that tells its hardware and its boot loader.
pub(crate) fn description(session: SessionId, suite: u16) -> SessionDescription {
    SessionDescription {
        session,
        dtls: Some(DtlsSession { version: DtlsVersion::V1_2, suite: CipherSuite(suite) }),
        common_name: None,
        psk_identity: None,
        hardware: Some("1.0".to_owned()),
        boot: Some("1.1.2.4".to_owned()),
        software: None,
        other: None,
    }
}

impl Story {
    /// A controller that has just started.
    pub(crate) fn begin(at: &str) -> Story {
        let mut story = Story {
            at: moment(at),
            envelopes: Vec::new(),
            state: State::default(),
            log: Log::default(),
            next: 1,
            ledger: false,
        };
        story.tell(
            Cause::Start,
            Subject::Controller,
            Event::ControllerStarted { controller: ControllerId(1), software: "0.1.0".into() },
        );
        story
    }

    pub(crate) fn at(&mut self, at: &str) -> &mut Story {
        self.at = moment(at);
        self
    }

    pub(crate) fn after_ms(&mut self, ms: u64) -> &mut Story {
        self.at = self.at + Duration::from_millis(ms);
        self
    }

    pub(crate) fn tell(&mut self, cause: Cause, subject: Subject, event: Event) -> &mut Story {
        let seq = Seq(self.envelopes.len() as u64 + 1);
        let envelope = Envelope { seq, at: self.at, cause, source: Source::Local, subject, observed_at: None, event };
        self.state.apply(&envelope);
        self.log.apply(&envelope);
        self.envelopes.push(envelope);
        self
    }

    /// The folds of what was told, after some of it was changed.
    pub(crate) fn fold_again(&mut self) {
        self.state = State::default();
        for envelope in &self.envelopes {
            self.state.apply(envelope);
        }
    }

    /// From here on operations have the numbers that they have in a ledger: those of their first events.
    pub(crate) fn number_from_the_ledger(&mut self) {
        self.ledger = true;
    }

    fn id(&mut self) -> u64 {
        if self.ledger {
            return self.envelopes.len() as u64 + 1;
        }
        self.next += 1;
        self.next
    }

    pub(crate) fn configured(&mut self, changes: Vec<Setting>) -> &mut Story {
        let cause = Cause::Operator { user: "admin".into(), from: "172.16.5.9".into() };
        self.tell(cause, Subject::Config, Event::ConfigurationChanged { changes, startup: false })
    }

    pub(crate) fn joined(
        &mut self,
        wtp: &WtpAddress,
        model: &str,
        runs: &str,
        backup: Option<&str>,
        offered: Option<&str>,
    ) -> SessionId {
        let session = SessionId(self.id());
        let inventory = WtpInventory {
            model: model.to_owned(),
            serial: format!("FGL{:09}", session.0),
            family: match model {
                "C9105AXI" => Some(family("ap1g8")),
                "C9120AXI" => Some(family("ap1g7")),
                "AIR-AP1815I-B-K9" => Some(family("ap1g5")),
                "C9117AXI" => Some(family("ap1g6")),
                _ => None,
            },
            version: Some(version(runs)),
            backup: backup.map(version),
            location: "lab".into(),
            radios: 2,
        };
        self.tell(
            Cause::Wtp(session),
            Subject::Wtp(wtp.id.clone()),
            Event::WtpJoined {
                session,
                wtp: wtp.clone(),
                inventory,
                certificate: None,
                missing: Vec::new(),
                offered: offered.map(version),
            },
        );
        session
    }

    pub(crate) fn described(&mut self, wtp: &WtpAddress, session: SessionDescription) -> &mut Story {
        let cause = Cause::Wtp(session.session);
        self.tell(cause, Subject::Wtp(wtp.id.clone()), Event::WtpSessionDescribed(session))
    }

    pub(crate) fn in_run(&mut self, session: SessionId, wtp: &WtpAddress) -> &mut Story {
        self.tell(Cause::Wtp(session), Subject::Wtp(wtp.id.clone()), Event::WtpEnteredRun { session, wtp: wtp.clone() })
    }

    pub(crate) fn disjoined(&mut self, session: SessionId, wtp: &WtpAddress, reason: DisjoinReason) -> &mut Story {
        self.tell(
            Cause::Wtp(session),
            Subject::Wtp(wtp.id.clone()),
            Event::WtpDisjoined { session, wtp: wtp.clone(), reason },
        )
    }

    pub(crate) fn add_started(&mut self, url: &str, name: &str) -> OperationId {
        let operation = OperationId(self.id());
        self.tell(
            Cause::Operation(operation),
            Subject::Operation(operation),
            Event::InstallAddStarted {
                operation,
                url: url.to_owned(),
                family: Some(family(name)),
                version: self.state.running_version(),
            },
        );
        operation
    }

    pub(crate) fn add_completed(&mut self, operation: OperationId, url: &str, image: ImageFacts) -> &mut Story {
        self.tell(
            Cause::Operation(operation),
            Subject::Operation(operation),
            Event::InstallAddCompleted { operation, url: url.to_owned(), image, duration_us: 9_000_000 },
        )
    }

    pub(crate) fn add_failed(
        &mut self,
        operation: OperationId,
        url: &str,
        name: &str,
        kind: FetchFailureKind,
        words: &str,
        next_try: Option<Timestamp>,
    ) -> &mut Story {
        self.tell(
            Cause::Operation(operation),
            Subject::Operation(operation),
            Event::InstallAddFailed {
                operation,
                url: url.to_owned(),
                family: Some(family(name)),
                failure: FetchFailure::new(kind, words),
                octets: 0,
                next_try,
            },
        )
    }

    pub(crate) fn predownload_requested(&mut self, wtp: &WtpAddress, image: &ImageFacts) -> &mut Story {
        self.tell(
            Cause::Timer,
            Subject::Wtp(wtp.id.clone()),
            Event::PredownloadRequested {
                wtp: wtp.clone(),
                family: image.family.clone(),
                version: image.version,
                reset: false,
            },
        )
    }

    pub(crate) fn download_started(
        &mut self,
        session: SessionId,
        wtp: &WtpAddress,
        mode: DownloadMode,
        image: &ImageFacts,
    ) -> OperationId {
        let operation = OperationId(self.id());
        self.tell(
            Cause::Wtp(session),
            Subject::Wtp(wtp.id.clone()),
            Event::ImageDownloadStarted {
                operation,
                session,
                wtp: wtp.clone(),
                mode,
                method: DownloadMethod::Capwap,
                family: image.family.clone(),
                from: None,
                to: image.version,
                octets: Some(image.octets),
            },
        );
        operation
    }

    pub(crate) fn download_progressed(&mut self, operation: OperationId, octets: u64, total: u64) -> &mut Story {
        let subject = Subject::Wtp(self.state.fleet.downloads[&operation].clone());
        self.tell(Cause::Operation(operation), subject, Event::ImageDownloadProgressed { operation, octets, total })
    }

    pub(crate) fn download_completed(
        &mut self,
        operation: OperationId,
        wtp: &WtpAddress,
        image: &ImageFacts,
    ) -> &mut Story {
        self.tell(
            Cause::Operation(operation),
            Subject::Wtp(wtp.id.clone()),
            Event::ImageDownloadCompleted {
                operation,
                wtp: wtp.clone(),
                image: image.clone(),
                messages: 51_208,
                last: 601,
                duration_us: 96_200_000,
                retransmissions: 0,
            },
        )
    }

    pub(crate) fn download_failed(
        &mut self,
        operation: OperationId,
        wtp: &WtpAddress,
        kind: DownloadFailureKind,
        words: &str,
        tries: u32,
        next_retry: Option<Timestamp>,
    ) -> &mut Story {
        self.tell(
            Cause::Operation(operation),
            Subject::Wtp(wtp.id.clone()),
            Event::ImageDownloadFailed {
                operation,
                wtp: wtp.clone(),
                kind,
                words: words.to_owned(),
                octets: 0,
                tries,
                next_retry,
            },
        )
    }

    pub(crate) fn discovered(&mut self, from: SocketAddr) -> &mut Story {
        self.tell(
            Cause::Peer(from),
            Subject::Controller,
            Event::WtpDiscovered { address: from, discovery_type: 1, model: None, base_mac: None },
        )
    }
}

/// Compares with `tests/golden/NAME`. With `CAPLEDGER_UPDATE_GOLDEN` set it writes the file instead, for a human to read
/// before it is committed.
pub(crate) fn assert_golden(name: &str, actual: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("CAPLEDGER_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, actual).expect("the golden file can be written");
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    if golden == actual {
        return;
    }
    let at = golden.lines().zip(actual.lines()).take_while(|(g, a)| g == a).count();
    let line = |text: &str| text.lines().nth(at).map_or_else(|| "(ends)".to_owned(), str::to_owned);
    panic!("{name}, line {}:\n  golden: {}\n  actual: {}\n\n{actual}", at + 1, line(&golden), line(actual));
}
