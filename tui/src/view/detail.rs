//! The selected AP: what it is, how it stands with its image, what happened to it, and what to look at.

use ratatui::layout::Rect;
use ratatui::style::Style;

use capledger_schema::event::{DownloadMethod, DownloadMode};
use capledger_schema::failure::DownloadFailureKind;
use capledger_schema::project::fleet::{ImageStatus, SessionState, Wtp};

use super::pen::{Pen, percent};
use crate::state::{Dashboard, Row};
use crate::words;

type Pieces = Vec<(String, Style)>;

pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, dash: &Dashboard, rows: &[Row<'_>]) {
    if area.height == 0 {
        return;
    }
    let t = pen.theme;
    let Some(row) = rows.get(dash.selected(rows)) else {
        pen.rule(Rect { height: 1, ..area }, &[("No AP selected".to_owned(), t.dim)], "");
        return;
    };
    let name = words::clean(&row.wtp.address.name);
    pen.rule(Rect { height: 1, ..area }, &[(name, t.title)], row.phase.word());
    let area = Rect { x: area.x + 1, y: area.y + 1, width: area.width - 2, height: area.height - 1 };
    let mut y = area.y;
    for (label, value, style) in facts(dash, row, t.plain, t.bad) {
        if y >= area.bottom() {
            return;
        }
        pen.text(area.x, y, 10, label, t.dim);
        y = wrapped(pen, Rect { x: area.x + 11, y, width: area.width - 11, height: area.bottom() - y }, &value, style);
    }
    if let ImageStatus::Failed { kind, .. } = &row.wtp.image {
        let hint = advice(dash, row.wtp, *kind);
        if y < area.bottom() {
            pen.text(area.x, y, 10, "next step", t.dim);
            let place = Rect { x: area.x + 11, y, width: area.width - 11, height: area.bottom() - y };
            y = wrapped(pen, place, &hint, t.warn);
        }
    }
    story(pen, Rect { y: y + 1, height: area.bottom().saturating_sub(y + 1), ..area }, dash, row);
}

fn facts(dash: &Dashboard, row: &Row<'_>, plain: Style, bad: Style) -> Vec<(&'static str, String, Style)> {
    let wtp = row.wtp;
    let (a, i) = (&wtp.address, &wtp.inventory);
    let family = i.family.as_ref().map_or("unknown image family", |f| f.as_str());
    let since = words::span(dash.now().since(wtp.since));
    let session = match wtp.session {
        SessionState::Run(_) => format!("serves for {since}"),
        SessionState::Joined(_) => format!("joined {since} ago, does not serve yet"),
        SessionState::Disjoined => match wtp.last_disjoin {
            Some((reason, _)) => format!("none for {since}: {}", words::disjoin(reason)),
            None => format!("none for {since}"),
        },
    };
    let joins =
        if wtp.stats.joins == 1 { "1 join".to_owned() } else { format!("{} joins", words::count(wtp.stats.joins)) };
    let inferred = if wtp.inferred_backup.is_some() { " (inferred)" } else { "" };
    let mut out = vec![
        ("model", format!("{}  {}  {family}", i.model, i.serial), plain),
        ("address", format!("{}  MAC {}", a.wtp, a.base_mac), plain),
        ("site", if i.location.is_empty() { "-".to_owned() } else { i.location.clone() }, plain),
        ("session", format!("{session}, {joins}"), plain),
        (
            "versions",
            format!("{}, backup {}{inferred}", words::version(i.version), words::version(wtp.backup())),
            plain,
        ),
    ];
    let failed = matches!(wtp.image, ImageStatus::Failed { .. });
    out.push(("image", image(dash, wtp), if failed { bad } else { plain }));
    if let (false, Some(line)) = (failed, dash.failure(row.id)) {
        out.push(("last fail", format!("{} {}", words::clock(line.at), line.what), plain));
    }
    out
}

fn image(dash: &Dashboard, wtp: &Wtp) -> String {
    let by = |method: DownloadMethod| match method {
        DownloadMethod::Capwap => "over CAPWAP",
    };
    let when = |mode: DownloadMode| match mode {
        DownloadMode::Join => "before it serves",
        DownloadMode::Predownload => "while it serves",
    };
    match &wtp.image {
        ImageStatus::None => match dash.target_of(wtp) {
            Some(v) if wtp.runs(v) => "runs the running version".to_owned(),
            Some(v) => format!("{v} is due, not asked for yet"),
            None => "nothing is due".to_owned(),
        },
        ImageStatus::Initiated { version, mode, tries, .. } => {
            let tried = if *tries == 0 { String::new() } else { format!(", {tries} failed so far") };
            format!("waits for {version}, {}{tried}", when(*mode))
        }
        ImageStatus::Moving { operation, version, mode, method, octets, total, .. } => {
            let share = if *total == 0 { String::new() } else { format!(" of {}", words::octets(*total)) };
            let part =
                if *total == 0 { String::new() } else { format!(" {}", percent(*octets as f64 / *total as f64)) };
            let rate = dash.rate(*operation).map(|r| format!(", {}", words::rate(r))).unwrap_or_default();
            let done = words::octets(*octets);
            format!("takes {version} {} {}: {done}{share}{part}{rate}", by(*method), when(*mode))
        }
        ImageStatus::Complete { version, method, reset, at, .. } => {
            let next = if *reset { "; restarts into it" } else { "" };
            format!("holds {version}, {}, since {}{next}", by(*method), words::clock(*at))
        }
        ImageStatus::Failed { version, kind, words: own, at, next_retry, tries, .. } => {
            let next = match next_retry {
                Some(next) if *next > dash.now() => format!("next try in {}", words::span(next.since(dash.now()))),
                Some(_) => "the next try is due".to_owned(),
                None => "no further try".to_owned(),
            };
            let own = if own.is_empty() { String::new() } else { format!(" ({})", words::clean(own)) };
            format!("{version} failed at {}: {kind}{own}; try {tries}, {next}", words::clock(*at))
        }
    }
}

/// What to look at: where there was nothing to send, why the fetch failed.
fn advice(dash: &Dashboard, wtp: &Wtp, kind: DownloadFailureKind) -> String {
    let fetch = wtp.inventory.family.as_ref().and_then(|f| dash.fold().installs.families.get(f));
    match (kind, fetch.and_then(|f| f.last.as_ref())) {
        (DownloadFailureKind::ImageUnavailable | DownloadFailureKind::SessionLost, Some((failure, _))) => {
            format!("The fetch failed, {}: {}.", words::clean(&failure.to_string()), words::fetch_advice(failure.kind))
        }
        (
            DownloadFailureKind::ImageUnavailable
            | DownloadFailureKind::SessionLost
            | DownloadFailureKind::TimedOut
            | DownloadFailureKind::Rejected
            | DownloadFailureKind::DigestMismatch
            | DownloadFailureKind::FlashFull
            | DownloadFailureKind::CacheDamaged
            | DownloadFailureKind::VerificationFailed
            | DownloadFailureKind::NotTaken,
            _,
        ) => words::download_advice(kind).to_owned(),
    }
}

/// What happened to it, the newest at the bottom.
fn story(pen: &mut Pen<'_>, area: Rect, dash: &Dashboard, row: &Row<'_>) {
    if area.height < 2 {
        return;
    }
    let t = pen.theme;
    pen.text(area.x, area.y, area.width, "WHAT HAPPENED", t.dim);
    let fit = usize::from(area.height - 1);
    let lines: Vec<_> = dash.story(row.id).collect();
    if lines.is_empty() {
        pen.text(area.x, area.y + 1, area.width, "Nothing since this view was opened.", t.dim);
    }
    for (i, line) in lines.iter().skip(lines.len().saturating_sub(fit)).enumerate() {
        let pieces: Pieces =
            vec![(format!("{}  ", words::clock(line.at)), t.dim), (line.what.clone(), t.tone(line.tone))];
        pen.pieces(area.x, area.y + 1 + i as u16, area.width, &pieces);
    }
}

/// Writes text over as many lines as it takes, broken between words; gives back the line after it.
fn wrapped(pen: &mut Pen<'_>, area: Rect, text: &str, style: Style) -> u16 {
    let mut y = area.y;
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && super::pen::columns(&line) + 1 + super::pen::columns(word) > area.width {
            // The last line that there is room for takes the rest, and is cut.
            if y + 1 < area.bottom() {
                pen.text(area.x, y, area.width, &line, style);
                y += 1;
                line.clear();
            }
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    pen.text(area.x, y, area.width, &line, style);
    y + 1
}
