//! The selected AP: what it is, how it stands with its image, what happened to it, and what to look at.

use ratatui::layout::Rect;
use ratatui::style::Style;

use capledger_schema::event::{DownloadMethod, DownloadMode};
use capledger_schema::failure::{DownloadFailureKind, FetchFailure};
use capledger_schema::project::fleet::{ImageStatus, SessionState, Wtp};

use super::pen::{Pen, percent, wrap};
use crate::state::phase::Fetching;
use crate::state::{Dashboard, Row};
use crate::words;

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
    // Who goes back in its history has seen the rest.
    if dash.ui.detail && dash.ui.story_up > 0 {
        return story(pen, area, dash, row);
    }
    let mut y = area.y;
    // The first line of what happened, and its heading, have a place as well.
    let bottom = area.bottom().saturating_sub(if area.height > 8 { 2 } else { 0 });
    for (label, value, style) in facts(dash, row, t.plain, t.bad) {
        if y >= bottom {
            break;
        }
        pen.text(area.x, y, 10, label, t.dim);
        y = wrapped(pen, Rect { x: area.x + 11, y, width: area.width - 11, height: area.bottom() - y }, &value, style);
    }
    let hint = match (&row.wtp.image, dash.fetching(row.wtp)) {
        (ImageStatus::Failed { kind, .. }, _) => Some(advice(dash, row.wtp, *kind)),
        (_, Fetching::Failed(failure, _)) => Some(fetch_failed(failure)),
        (_, Fetching::Here | Fetching::None | Fetching::Running(_)) => None,
    };
    if let Some(hint) = hint.filter(|_| y < area.bottom()) {
        pen.text(area.x, y, 10, "next step", t.dim);
        let place = Rect { x: area.x + 11, y, width: area.width - 11, height: area.bottom() - y };
        y = wrapped(pen, place, &hint, t.warn);
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
        ImageStatus::Moving { octets: 0, total: 0, version, mode, tries, .. } => {
            let tried = if *tries == 0 { String::new() } else { format!(", {tries} failed so far") };
            let how = match dash.fetching(wtp) {
                Fetching::Running(Some(share)) => format!(", being fetched, {}", percent(share)),
                Fetching::Running(None) => ", being fetched".to_owned(),
                Fetching::Failed(..) => ", which could not be fetched".to_owned(),
                Fetching::Here | Fetching::None => String::new(),
            };
            format!("asked for {version}, {}{how}{tried}", when(*mode))
        }
        ImageStatus::Moving { operation, version, mode, method, octets, total, .. } => {
            let share = if *total == 0 { String::new() } else { format!(" of {}", words::octets(*total)) };
            let part =
                if *total == 0 { String::new() } else { format!(" {}", percent(*octets as f64 / *total as f64)) };
            let rate = dash.rate(*operation);
            let left = rate.filter(|r| *r >= 1.0 && *total > 0).map(|r| {
                let left = std::time::Duration::from_secs_f64(total.saturating_sub(*octets) as f64 / r);
                format!(", {} left", words::span(left))
            });
            let rate = rate.map(|r| format!(", {}", words::rate(r))).unwrap_or_default();
            let rate = format!("{rate}{}", left.unwrap_or_default());
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
                Some(_) if wtp.live().is_none() => "the next once it is back".to_owned(),
                Some(_) => "the next try is due".to_owned(),
                None => "no further try".to_owned(),
            };
            let own = if own.is_empty() { String::new() } else { format!(" ({})", words::clean(own)) };
            format!("{version} failed at {}: {kind}{own}; try {tries}, {next}", words::clock(*at))
        }
    }
}

fn fetch_failed(failure: &FetchFailure) -> String {
    format!("The fetch failed, {}: {}.", words::clean(&failure.to_string()), words::fetch_advice(failure.kind))
}

/// What to look at: where there was nothing to send, why the fetch failed.
fn advice(dash: &Dashboard, wtp: &Wtp, kind: DownloadFailureKind) -> String {
    let fetch = wtp.inventory.family.as_ref().and_then(|f| dash.fold().installs.families.get(f));
    match (kind, fetch.and_then(|f| f.last.as_ref())) {
        (DownloadFailureKind::ImageUnavailable | DownloadFailureKind::SessionLost, Some((failure, _))) => {
            fetch_failed(failure)
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
    let width = area.width.saturating_sub(10);
    let fit = usize::from(area.height - 1);
    // Each line with all of its words, the newest first.
    let mut lines: Vec<_> = dash.story(row.id).map(|line| (line, wrap(&line.what, width))).collect();
    let mut room = fit;
    let from_the_first = lines.iter().take_while(|(_, text)| take(&mut room, text.len())).count();
    lines.reverse();
    let up = if dash.ui.detail { dash.ui.story_up.min(lines.len() - from_the_first) } else { 0 };
    let mut room = fit;
    let shown: Vec<_> = lines.iter().skip(up).take_while(|(_, text)| take(&mut room, text.len())).collect();
    let hidden = lines.len() - up - shown.len();
    let note = match (hidden, up) {
        _ if !dash.ui.detail => String::new(),
        (0, 0) => String::new(),
        (earlier, later) => format!("  {earlier} earlier, {later} later: PgUp, PgDn"),
    };
    pen.pieces(area.x, area.y, area.width, &[("WHAT HAPPENED".to_owned(), t.dim), (note, t.dim)]);
    if lines.is_empty() {
        pen.text(area.x, area.y + 1, area.width, "Nothing since this view was opened.", t.dim);
    }
    let mut y = area.y + 1;
    for (line, text) in shown.iter().rev() {
        pen.text(area.x, y, 8, &words::clock(line.at), t.dim);
        for part in text {
            pen.text(area.x + 10, y, width, part, t.tone(line.tone));
            y += 1;
        }
    }
}

/// Takes so much of what there is; whether there was so much.
fn take(room: &mut usize, lines: usize) -> bool {
    room.checked_sub(lines).map(|rest| *room = rest).is_some()
}

/// Writes text over as many lines as it takes; the last that there is room for is cut. Gives back the line after it.
fn wrapped(pen: &mut Pen<'_>, area: Rect, text: &str, style: Style) -> u16 {
    let lines = wrap(text, area.width);
    let fit = usize::from(area.height.max(1));
    for (i, line) in lines.iter().take(fit).enumerate() {
        let cut = if i + 1 == fit && lines.len() > fit { format!("{line}{}", pen.glyphs().more) } else { line.clone() };
        pen.text(area.x, area.y + i as u16, area.width, &cut, style);
    }
    area.y + lines.len().min(fit) as u16
}
