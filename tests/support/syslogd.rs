//! rsyslog and syslog-ng, each in a directory and on ports of its own, with one file per input: a line as it came, and
//! what their parsers of Cisco's form make of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;

use super::{PATIENCE, free_ports, program, skipped, wait_for};

/// How lines get in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    Udp,
    /// With octet counting.
    Tcp,
    /// With a line feed behind each line.
    Newline,
    Tls,
}

pub(crate) const WAYS: [Way; 4] = [Way::Udp, Way::Tcp, Way::Newline, Way::Tls];

/// A line, as it came and as the collector's parser takes it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Taken {
    /// The line with its priority and count.
    pub(crate) raw: String,
    /// The syslog facility: `local7`.
    pub(crate) facility: String,
    /// 0 to 7.
    pub(crate) severity: String,
    /// `%INSTALL-5-INSTALL_START_INFO`, put together from what the parser found.
    pub(crate) tag: String,
}

impl Taken {
    /// The message count.
    pub(crate) fn ordinal(&self) -> usize {
        let count = self.raw.split_once('>').and_then(|(_, rest)| rest.split_once(':')).map(|(count, _)| count);
        count.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("no count in {}", self.raw))
    }
}

/// Which program.
#[derive(Clone, Debug)]
enum Kind {
    Rsyslog {
        program: PathBuf,
    },
    /// Installed, or unpacked below a directory: Debian lets only one of the two be installed.
    SyslogNg {
        root: PathBuf,
    },
}

/// A collector, which runs or not. Dropping it kills it.
pub(crate) struct Syslogd {
    kind: Kind,
    dir: tempfile::TempDir,
    ports: BTreeMap<Way, u16>,
    process: Option<Child>,
}

impl Drop for Syslogd {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // It may have ended by itself; then there is nothing to end.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Syslogd {
    /// Starts rsyslog, or says why the test is skipped.
    pub(crate) fn rsyslog() -> Option<Syslogd> {
        let Some(program) = program("rsyslogd") else {
            skipped("rsyslogd is not installed");
            return None;
        };
        let modules = ["/usr/lib/x86_64-linux-gnu/rsyslog", "/usr/lib/aarch64-linux-gnu/rsyslog", "/usr/lib64/rsyslog"];
        if !modules.iter().any(|dir| Path::new(dir).join("lmnsd_ossl.so").exists()) {
            skipped("rsyslog's driver for TLS (Debian's rsyslog-openssl) is not installed");
            return None;
        }
        Some(Syslogd::new(Kind::Rsyslog { program }))
    }

    /// Starts syslog-ng, or says why the test is skipped.
    pub(crate) fn syslog_ng() -> Option<Syslogd> {
        let unpacked = std::env::var_os("CAPLEDGER_SYSLOG_NG").map(PathBuf::from);
        let root = unpacked.unwrap_or_else(|| PathBuf::from("/"));
        for file in ["usr/sbin/syslog-ng", "usr/share/syslog-ng/include/scl/cisco/plugin.conf"] {
            if !root.join(file).exists() {
                skipped(
                    "syslog-ng (Debian's syslog-ng-core and syslog-ng-scl) is neither installed nor unpacked below \
                         CAPLEDGER_SYSLOG_NG",
                );
                return None;
            }
        }
        Some(Syslogd::new(Kind::SyslogNg { root }))
    }

    fn new(kind: Kind) -> Syslogd {
        let dir = tempfile::tempdir().expect("a directory");
        super::certificate::write(dir.path(), "log authority");
        let ports = WAYS.map(|way| (way, free_port())).into();
        let mut syslogd = Syslogd { kind, dir, ports, process: None };
        let config = match &syslogd.kind {
            Kind::Rsyslog { .. } => syslogd.rsyslog_config(),
            Kind::SyslogNg { root } => syslogd.syslog_ng_config(root),
        };
        fs::write(syslogd.path("config"), config).expect("the configuration is written");
        syslogd.start();
        syslogd
    }

    fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    /// Where lines go in.
    pub(crate) fn address(&self, way: Way) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports[&way]).into()
    }

    /// The authority that signed its certificate.
    pub(crate) fn authority(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// The configuration line that sends the log in.
    pub(crate) fn logging_host(&self, way: Way) -> String {
        let transport = match way {
            Way::Udp => "udp",
            Way::Tcp | Way::Newline => "tcp",
            Way::Tls => "tls",
        };
        let framing = if way == Way::Newline { " framing newline" } else { "" };
        let at = self.address(way);
        format!("logging host {} transport {transport} port {}{framing}\n", at.ip(), at.port())
    }

    /// Starts it (again), and waits until it takes connections.
    pub(crate) fn start(&mut self) {
        let log = File::options().create(true).append(true).open(self.path("diagnostics")).expect("a file");
        let mut command = match &self.kind {
            Kind::Rsyslog { program } => {
                let mut command = Command::new(program);
                command.arg("-n").arg("-f").arg(self.path("config")).arg("-i").arg(self.path("pid"));
                command
            }
            Kind::SyslogNg { root } => {
                let mut command = Command::new(root.join("usr/sbin/syslog-ng"));
                command.env("LD_LIBRARY_PATH", root.join("usr/lib/syslog-ng"));
                let modules = fs::read_dir(root.join("usr/lib/syslog-ng")).expect("its modules");
                let modules = modules.map(|entry| entry.expect("an entry").path()).find(|path| path.is_dir());
                command.arg("--module-path").arg(modules.expect("a directory of modules"));
                command.args(["--foreground", "--no-caps", "--cfgfile"]).arg(self.path("config"));
                command.arg("--persist-file").arg(self.path("persist")).arg("--control").arg(self.path("control"));
                command.arg("--pidfile").arg(self.path("pid"));
                command
            }
        };
        let out = log.try_clone().expect("a handle");
        let process = command.current_dir(self.dir.path()).stdin(Stdio::null()).stdout(out).stderr(log).spawn();
        self.process = Some(process.expect("the program runs"));
        wait_for("the collector listens", PATIENCE, || {
            let ended = self.process.as_mut().and_then(|process| process.try_wait().expect("our own child"));
            let said = || fs::read_to_string(self.path("diagnostics")).unwrap_or_default();
            assert!(ended.is_none(), "{:?} ended:\n{}", self.kind, said());
            // To connect would be a session of its own; a port that cannot be bound is taken.
            let taken = |way: &Way| *way == Way::Udp || TcpListener::bind(self.address(*way)).is_err();
            WAYS.iter().all(taken).then_some(())
        });
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().expect("our own child");
        process.wait().expect("our own child");
    }

    /// Ends it in order.
    pub(crate) fn stop(&mut self) {
        let mut process = self.process.take().expect("it runs");
        kill(Pid::from_raw(process.id() as i32), Signal::SIGTERM).expect("our own child");
        wait_for("the collector stops", PATIENCE, || process.try_wait().expect("our own child"));
    }

    /// What came in, in order.
    pub(crate) fn taken(&self, way: Way) -> Vec<Taken> {
        let text = fs::read_to_string(self.path(&format!("{way:?}"))).unwrap_or_default();
        // The last line may be being written.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }

    fn rsyslog_config(&self) -> String {
        let dir = self.dir.path().display();
        let mut text = format!(
            "global(workDirectory=\"{dir}\" maxMessageSize=\"8k\")\nmodule(load=\"imudp\")\nmodule(load=\"imtcp\")\n\
             module(load=\"pmciscoios\")\nparser(name=\"ios\" type=\"pmciscoios\")\n\
             template(name=\"facts\" type=\"string\" string=\"{{\\\"raw\\\":\\\"%rawmsg:::json%\\\",\
             \\\"facility\\\":\\\"%syslogfacility-text%\\\",\\\"severity\\\":\\\"%syslogseverity%\\\",\
             \\\"tag\\\":\\\"%syslogtag:::json%\\\"}}\\n\")\n"
        );
        for way in WAYS {
            let (port, kind) = (self.ports[&way], if way == Way::Udp { "imudp" } else { "imtcp" });
            let tls = format!(
                " streamDriver.name=\"ossl\" streamDriver.mode=\"1\" streamDriver.authMode=\"anon\" \
                 streamDriver.caFile=\"{dir}/ca.pem\" streamDriver.certFile=\"{dir}/certificate.pem\" \
                 streamDriver.keyFile=\"{dir}/key.pem\""
            );
            let tls = if way == Way::Tls { &tls } else { "" };
            let _ = writeln!(
                text,
                "ruleset(name=\"{way:?}\" parser=[\"ios\"]) {{ action(type=\"omfile\" file=\"{dir}/{way:?}\" \
                 template=\"facts\") }}\ninput(type=\"{kind}\" address=\"127.0.0.1\" port=\"{port}\" \
                 ruleset=\"{way:?}\"{tls})"
            );
        }
        text
    }

    fn syslog_ng_config(&self, root: &Path) -> String {
        let dir = self.dir.path().display();
        let cisco = root.join("usr/share/syslog-ng/include/scl/cisco/plugin.conf");
        let mut text = format!(
            "@version: 3.38\n@include \"{}\"\noptions {{ stats-freq(0); }};\nparser p_cisco {{ cisco-parser(); }};\n\
             rewrite r_keep {{ set(\"$MSG\" value(\"RAW\")); }};\n",
            cisco.display()
        );
        for way in WAYS {
            let port = self.ports[&way];
            let input = match way {
                Way::Udp => "network(transport(\"udp\")",
                // With octet counting.
                Way::Tcp => "syslog(transport(\"tcp\")",
                Way::Newline => "network(transport(\"tcp\")",
                Way::Tls => "syslog(transport(\"tls\")",
            };
            let tls = format!(
                " tls(key-file(\"{dir}/key.pem\") cert-file(\"{dir}/certificate.pem\") \
                 peer-verify(\"optional-untrusted\"))"
            );
            let tls = if way == Way::Tls { &tls } else { "" };
            let _ = writeln!(
                text,
                "log {{ source {{ {input} ip(\"127.0.0.1\") port({port}) flags(no-parse){tls}); }}; rewrite(r_keep); \
                 parser(p_cisco); destination {{ file(\"{dir}/{way:?}\" template(\"$(format-json raw=\\\"$RAW\\\" \
                 facility=\\\"$FACILITY\\\" severity=\\\"${{.cisco.severity}}\\\" \
                 tag=\\\"%${{.cisco.facility}}-${{.cisco.severity}}-${{.cisco.mnemonic}}\\\")\\n\")); }}; \
                 flags(flow-control); }};"
            );
        }
        text
    }
}

/// A port that is free for both UDP and TCP.
fn free_port() -> u16 {
    wait_for("a free port", PATIENCE, || {
        let port = free_ports().port();
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok().then_some(port)
    })
}
