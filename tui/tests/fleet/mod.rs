//! A made-up fleet on virtual time: the envelopes of an upgrade, for tests and for the example. No clock, no chance.

use std::collections::VecDeque;
use std::net::SocketAddr;

use capledger_schema::event::{
    CampaignOutcome, CampaignPhase, CampaignPlan, DisjoinReason, DownloadMethod, DownloadMode, OnError, WtpAddress,
    WtpInventory,
};
use capledger_schema::failure::{DownloadFailureKind, FetchFailure, FetchFailureKind};
use capledger_schema::id::{CampaignId, ControllerId, MacAddr, Md5, OperationId, Seq, SessionId, Sha256, WtpId};
use capledger_schema::image::{ImageFacts, ImageFamily, ImageVersion};
use capledger_schema::setting::Setting;
use capledger_schema::time::Timestamp;
use capledger_schema::{Cause, Envelope, Event, Source, Subject};

/// A moment to start at: 2024-02-01 17:05:00 UTC.
#[allow(dead_code, reason = "who plays it live starts it now")]
pub(crate) const START: Timestamp = Timestamp(1_706_807_100_000_000);

const MODELS: [(&str, &str, u64); 5] = [
    ("C9105AXI", "ap1g8", 70_512_640),
    ("C9120AXI", "ap1g7", 88_104_960),
    ("C9130AXI", "ap1g6a", 91_238_400),
    ("AIR-AP2802I", "ap3g3", 61_440_000),
    ("AIR-AP1815I", "ap1g5", 54_282_240),
];
const SITES: [&str; 4] = ["HQ floor 1", "HQ floor 2", "Warehouse", "Lisbon"];
const OLD: ImageVersion = ImageVersion([17, 3, 3, 26]);
const NEW: ImageVersion = ImageVersion([17, 9, 4, 27]);
const NEXT: ImageVersion = ImageVersion([17, 12, 1, 5]);

/// What an AP of the fleet does next.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Join { at: f64 },
    Wait { until: f64 },
    Move { done: u64, marked: u64 },
    Restart { until: f64 },
    Enter { until: f64 },
    Serve,
}

#[derive(Clone, Debug)]
struct Ap {
    index: usize,
    stage: Stage,
    session: SessionId,
    operation: OperationId,
    began: f64,
    upgraded: bool,
    failures: u32,
}

/// A fleet that is upgraded as time passes.
pub(crate) struct Story {
    seq: u64,
    start: Timestamp,
    now: f64,
    aps: Vec<Ap>,
    fetches: Vec<Fetch>,
    out: VecDeque<Envelope>,
}

struct Fetch {
    family: usize,
    operation: OperationId,
    done: u64,
    marked: u64,
    ended: bool,
}

impl Story {
    /// A fleet of so many APs whose controller starts at a moment.
    pub(crate) fn new(aps: usize, start: Timestamp) -> Story {
        let aps = (0..aps)
            .map(|index| Ap {
                index,
                stage: Stage::Join { at: 1.0 + index as f64 * 12.0 / aps as f64 },
                session: SessionId(0),
                operation: OperationId(0),
                began: 0.0,
                upgraded: false,
                failures: 0,
            })
            .collect();
        let mut story = Story { seq: 0, start, now: 0.0, aps, fetches: Vec::new(), out: VecDeque::new() };
        let started = Event::ControllerStarted { controller: ControllerId(7), software: "0.1.0".into() };
        story.say(Subject::Controller, started);
        let changes = vec![Setting::Hostname("9120-EWC".into()), Setting::SoftwareVersion(Some(NEW))];
        story.say(Subject::Config, Event::ConfigurationChanged { changes, startup: true });
        story
    }

    /// Lets so many seconds pass; what happened in them.
    pub(crate) fn pass(&mut self, seconds: f64) -> Vec<Envelope> {
        const STEP: f64 = 0.25;
        let end = self.now + seconds;
        while self.now + STEP <= end + 1e-9 {
            self.now += STEP;
            self.step_fetches(STEP);
            for i in 0..self.aps.len() {
                self.step(i, STEP);
            }
        }
        self.out.drain(..).collect()
    }

    /// A campaign begins: two canaries, then half of the others at a time; the first canary is back, the second is not.
    #[allow(dead_code, reason = "only some tell of a campaign")]
    pub(crate) fn campaign(&mut self) -> Vec<Envelope> {
        let campaign = CampaignId(self.seq + 1);
        let plan = CampaignPlan { canaries: 2, percent: 50, site: None, on_error: OnError::Stop, error_threshold: 10 };
        let wtps = self.aps.len() as u32;
        self.say(Subject::Campaign(campaign), Event::CampaignStarted { campaign, version: NEXT, plan, wtps });
        for i in 0..self.aps.len() {
            let iteration = if i < 2 { 0 } else { 1 + (i % 2) as u32 };
            self.say(Subject::Campaign(campaign), Event::CampaignWtpChosen { campaign, wtp: wtp_id(i), iteration });
        }
        for i in 0..self.aps.len() / 2 {
            let event = Event::PredownloadAlreadyPresent { wtp: address(i), version: NEXT };
            self.say(Subject::Wtp(wtp_id(i)), event);
        }
        let phase = CampaignPhase::Rejoin;
        self.say(Subject::Campaign(campaign), Event::CampaignPhaseChanged { campaign, phase, iteration: 0 });
        for i in 0..2 {
            let (session, wtp) = (self.aps[i].session, address(i));
            let reset = Event::WtpResetRequested { session, wtp: wtp.clone(), version: Some(NEXT) };
            self.say(Subject::Wtp(wtp_id(i)), reset);
            let reason = DisjoinReason::ResetByController;
            self.say(Subject::Wtp(wtp_id(i)), Event::WtpDisjoined { session, wtp, reason });
        }
        let (session, wtp) = (SessionId(self.seq + 1), address(0));
        let joined = Event::WtpJoined {
            session,
            wtp: wtp.clone(),
            inventory: inventory(0, NEXT),
            certificate: None,
            missing: Vec::new(),
            offered: None,
        };
        self.say(Subject::Wtp(wtp_id(0)), joined);
        self.say(Subject::Wtp(wtp_id(0)), Event::WtpEnteredRun { session, wtp });
        let words = "reset, and not back on 17.12.1.5 within 540 s".to_owned();
        let missing = Event::CampaignWtpMissing { campaign, wtp: address(1), words };
        self.say(Subject::Campaign(campaign), missing);
        self.out.drain(..).collect()
    }

    /// And ends.
    #[allow(dead_code, reason = "only some tell of a campaign")]
    pub(crate) fn campaign_ends(&mut self) -> Vec<Envelope> {
        let (campaign, outcome) = (CampaignId(1), CampaignOutcome::Stopped);
        let words = "1 of 2 canaries did not come to run 17.12.1.5".to_owned();
        self.say(Subject::Campaign(campaign), Event::CampaignEnded { campaign, outcome, words });
        self.out.drain(..).collect()
    }

    /// The last AP, whose image cannot be fetched, joins anew and asks for it.
    #[allow(dead_code, reason = "only some tell of it")]
    pub(crate) fn asks_in_vain(&mut self) -> Vec<Envelope> {
        let i = self.aps.iter().rposition(|ap| ap.index % MODELS.len() == 4).expect("an AP of that model");
        let (session, wtp) = (SessionId(self.seq + 1), address(i));
        let joined = Event::WtpJoined {
            session,
            wtp: wtp.clone(),
            inventory: inventory(i, OLD),
            certificate: Some(Sha256([i as u8; 32])),
            missing: Vec::new(),
            offered: Some(NEW),
        };
        self.say(Subject::Wtp(wtp_id(i)), joined);
        let started = Event::ImageDownloadStarted {
            operation: OperationId(self.seq + 1),
            session,
            wtp,
            mode: DownloadMode::Join,
            method: DownloadMethod::Capwap,
            family: family_of(4),
            from: Some(OLD),
            to: NEW,
            octets: None,
        };
        self.say(Subject::Wtp(wtp_id(i)), started);
        self.out.drain(..).collect()
    }

    /// The moment that it is in the story.
    pub(crate) fn now(&self) -> Timestamp {
        self.at(self.now)
    }

    fn at(&self, seconds: f64) -> Timestamp {
        Timestamp(self.start.0 + (seconds * 1e6) as i64)
    }

    fn say(&mut self, subject: Subject, event: Event) -> Seq {
        self.seq += 1;
        self.out.push_back(Envelope {
            seq: Seq(self.seq),
            at: self.now(),
            cause: Cause::Timer,
            source: Source::Local,
            subject,
            observed_at: None,
            event,
        });
        Seq(self.seq)
    }

    fn step_fetches(&mut self, dt: f64) {
        for i in 0..self.fetches.len() {
            let (family, operation) = (self.fetches[i].family, self.fetches[i].operation);
            if self.fetches[i].ended {
                continue;
            }
            let total = MODELS[family].2;
            let subject = Subject::Operation(operation);
            // One family's file is not on the server.
            if family == 4 {
                if self.fetches[i].done > 0 {
                    self.fetches[i].ended = true;
                    let failure = FetchFailure::new(FetchFailureKind::NotFound, "File not found");
                    let family = Some(family_of(family));
                    self.say(
                        subject,
                        Event::InstallAddFailed { operation, url: url(4), family, failure, octets: 0, next_try: None },
                    );
                } else {
                    self.fetches[i].done = 1;
                }
                continue;
            }
            let done = (self.fetches[i].done + (dt * 14_000_000.0) as u64).min(total);
            self.fetches[i].done = done;
            if done == total {
                self.fetches[i].ended = true;
                let image = image(family);
                self.say(
                    subject,
                    Event::InstallAddCompleted { operation, url: url(family), image, duration_us: 6_100_000 },
                );
            } else if done - self.fetches[i].marked > total / 10 {
                self.fetches[i].marked = done;
                self.say(subject, Event::InstallAddProgressed { operation, octets: done, total: Some(total) });
            }
        }
    }

    fn step(&mut self, i: usize, dt: f64) {
        let ap = self.aps[i].clone();
        let (id, wtp) = (wtp_id(i), address(i));
        let model = i % MODELS.len();
        let (_, _, total) = MODELS[model];
        let subject = || Subject::Wtp(id.clone());
        match ap.stage {
            Stage::Join { at } if self.now >= at => {
                let offered = (!ap.upgraded && model != 4).then_some(NEW);
                let session = SessionId(self.seq + 1);
                let inventory = inventory(i, if ap.upgraded { NEW } else { OLD });
                let certificate = Some(Sha256([i as u8; 32]));
                let joined = Event::WtpJoined { session, wtp, inventory, certificate, missing: Vec::new(), offered };
                self.say(subject(), joined);
                self.aps[i].session = session;
                self.aps[i].stage = if offered.is_some() {
                    self.fetch(model);
                    Stage::Wait { until: self.now + 1.0 }
                } else {
                    if model == 4 {
                        self.fetch(model);
                    }
                    Stage::Enter { until: self.now + 0.5 }
                };
            }
            Stage::Wait { until } => {
                let ready = self.fetches.iter().any(|f| f.family == model && f.ended);
                if self.now < until || !ready {
                    return;
                }
                let operation = OperationId(self.seq + 1);
                let started = Event::ImageDownloadStarted {
                    operation,
                    session: ap.session,
                    wtp,
                    mode: DownloadMode::Join,
                    method: DownloadMethod::Capwap,
                    family: family_of(model),
                    from: Some(OLD),
                    to: NEW,
                    octets: Some(total),
                };
                self.say(subject(), started);
                self.aps[i].operation = operation;
                self.aps[i].began = self.now;
                self.aps[i].stage = Stage::Move { done: 0, marked: 0 };
            }
            Stage::Move { done, marked } => self.step_move(i, dt, done, marked),
            Stage::Restart { until } | Stage::Enter { until } if self.now < until => {}
            Stage::Restart { .. } => self.aps[i].stage = Stage::Join { at: self.now },
            Stage::Enter { .. } => {
                self.say(subject(), Event::WtpEnteredRun { session: ap.session, wtp });
                self.aps[i].stage = Stage::Serve;
            }
            Stage::Join { .. } | Stage::Serve => {}
        }
    }

    fn step_move(&mut self, i: usize, dt: f64, done: u64, marked: u64) {
        let ap = self.aps[i].clone();
        let model = i % MODELS.len();
        let total = MODELS[model].2;
        let operation = ap.operation;
        // Links differ: 1.6 to 3.2 MB/s.
        let speed = 1_600_000 + (i as u64 * 7_919 % 16) * 100_000;
        let done = (done + (dt * speed as f64) as u64).min(total);
        let subject = Subject::Wtp(wtp_id(i));
        if ap.index % 11 == 5 && ap.failures == 0 && done > total / 3 {
            let event = Event::ImageDownloadFailed {
                operation,
                wtp: address(i),
                kind: DownloadFailureKind::SessionLost,
                words: "the AP closed the DTLS session".into(),
                octets: done,
                tries: 1,
                next_retry: Some(self.at(self.now + 30.0)),
            };
            self.say(subject.clone(), event);
            let reason = DisjoinReason::ImageDownloadFailed;
            self.say(subject, Event::WtpDisjoined { session: ap.session, wtp: address(i), reason });
            self.aps[i].failures = 1;
            self.aps[i].stage = Stage::Restart { until: self.now + 30.0 };
        } else if done == total {
            let duration_us = ((self.now - ap.began) * 1e6) as u64;
            let event = Event::ImageDownloadCompleted {
                operation,
                wtp: address(i),
                image: image(model),
                messages: total.div_ceil(1_377),
                last: 601,
                duration_us,
                retransmissions: i as u64 % 7,
            };
            self.say(subject.clone(), event);
            let reason = DisjoinReason::ImageDownloadSuccess;
            self.say(subject, Event::WtpDisjoined { session: ap.session, wtp: address(i), reason });
            self.aps[i].upgraded = true;
            self.aps[i].stage = Stage::Restart { until: self.now + 8.0 };
        } else if done - marked >= total / 20 {
            self.say(subject, Event::ImageDownloadProgressed { operation, octets: done, total });
            self.aps[i].stage = Stage::Move { done, marked: done };
        } else {
            self.aps[i].stage = Stage::Move { done, marked };
        }
    }

    fn fetch(&mut self, family: usize) {
        if self.fetches.iter().any(|f| f.family == family) {
            return;
        }
        let operation = OperationId(self.seq + 1);
        let started = Event::InstallAddStarted {
            operation,
            url: url(family),
            family: Some(family_of(family)),
            version: Some(NEW),
        };
        self.say(Subject::Operation(operation), started);
        self.fetches.push(Fetch { family, operation, done: 0, marked: 0, ended: false });
    }
}

fn family_of(model: usize) -> ImageFamily {
    MODELS[model].1.parse().expect("a family")
}

fn url(model: usize) -> String {
    format!("tftp://172.16.5.27/EWC/17_9_4a/{}", MODELS[model].1)
}

fn image(model: usize) -> ImageFacts {
    ImageFacts {
        family: family_of(model),
        version: NEW,
        octets: MODELS[model].2,
        sha256: Sha256([model as u8; 32]),
        md5: Md5([model as u8; 16]),
    }
}

fn mac(i: usize) -> MacAddr {
    let [.., a, b] = (i as u32).to_be_bytes();
    MacAddr([0x2c, 0x5a, 0x0f, 0x40, a, b])
}

fn wtp_id(i: usize) -> WtpId {
    WtpId::BaseMac(mac(i))
}

fn address(i: usize) -> WtpAddress {
    let ip = std::net::Ipv4Addr::new(172, 16, 4, 33 + (i % 200) as u8);
    WtpAddress {
        id: wtp_id(i),
        name: format!("AP-{}-{:02}", ["LOBBY", "MEETING", "OFFICE", "DOCK"][i % 4], i + 1),
        base_mac: mac(i),
        ethernet_mac: mac(i),
        wtp: SocketAddr::from((ip, 5_272)),
        ac: SocketAddr::from(([172, 16, 4, 26], 5_246)),
    }
}

fn inventory(i: usize, version: ImageVersion) -> WtpInventory {
    let model = i % MODELS.len();
    WtpInventory {
        model: MODELS[model].0.into(),
        serial: format!("FGL24{:02}ABCD", i % 100),
        family: Some(family_of(model)),
        version: Some(version),
        backup: Some(OLD),
        location: SITES[i % SITES.len()].into(),
        radios: 2,
    }
}
