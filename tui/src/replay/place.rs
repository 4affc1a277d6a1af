//! Places on a tape, as they are typed.

use capledger_schema::time::Timestamp;

/// Microseconds of a day.
pub(super) const DAY: i64 = 86_400 * SECOND;

const SECOND: i64 = 1_000_000;

/// Where to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The first event.
    Begin,
    /// The last event.
    End,
    /// An event, by its number.
    Event(u64),
    /// A moment.
    At(Timestamp),
    /// A time of the day that the cursor stands on, in microseconds, UTC.
    TimeOfDay(i64),
    /// So many microseconds from the cursor.
    By(i64),
}

impl Place {
    /// Reads `17:05`, `17:05:37`, `+90`, `-5m`, `+2h`, `#271`.
    pub fn read(text: &str) -> Option<Place> {
        let text = text.trim();
        if let Some(number) = text.strip_prefix('#') {
            return number.parse().ok().map(Place::Event);
        }
        if let Some(span) = text.strip_prefix('+') {
            return read_span(span).map(Place::By);
        }
        if let Some(span) = text.strip_prefix('-') {
            return read_span(span).map(|micros| Place::By(-micros));
        }
        read_time(text).map(Place::TimeOfDay)
    }
}

fn read_span(text: &str) -> Option<i64> {
    let units = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];
    let with_unit = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, *seconds)));
    let (number, seconds) = with_unit.unwrap_or((text, 1));
    let number: u32 = number.parse().ok()?;
    i64::from(number).checked_mul(seconds * SECOND)
}

fn read_time(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let mut part = |limit: i64| {
        let part = parts.next()?;
        let digits = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        part.parse().ok().filter(|n: &i64| digits && *n < limit)
    };
    let (hours, minutes) = (part(24)?, part(60)?);
    let seconds = if text.matches(':').count() == 2 { part(60)? } else { 0 };
    parts.next().is_none().then_some((hours * 3_600 + minutes * 60 + seconds) * SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_time_of_day_a_span_or_an_event() {
        assert_eq!(Place::read("17:05:37"), Some(Place::TimeOfDay((17 * 3_600 + 5 * 60 + 37) * SECOND)));
        assert_eq!(Place::read(" 7:05 "), Some(Place::TimeOfDay((7 * 3_600 + 5 * 60) * SECOND)));
        assert_eq!(Place::read("+90"), Some(Place::By(90 * SECOND)));
        assert_eq!(Place::read("-5m"), Some(Place::By(-300 * SECOND)));
        assert_eq!(Place::read("+2h"), Some(Place::By(7_200 * SECOND)));
        assert_eq!(Place::read("#271"), Some(Place::Event(271)));
        for wrong in ["", "17", "24:00", "1:60", "1:2:3:4", "+", "-m", "#", "+5x", "017:05", "é", "+99999999999d"] {
            assert_eq!(Place::read(wrong), None, "{wrong}");
        }
    }
}
