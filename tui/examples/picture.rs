//! Draws the README's picture: `cargo run -p capledger-tui --example picture > tui/dashboard.svg`.

#[path = "../tests/fleet/mod.rs"]
mod fleet;

use capledger_schema::feed::ServerMessage;
use capledger_tui::state::{Dashboard, Input};
use capledger_tui::theme::{Colour, Theme};
use capledger_tui::view;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

/// Columns and lines of the screen.
const SIZE: (u16, u16) = (120, 34);

/// Width and height of a cell, and the margin, in pixels.
const CELL: (f64, f64) = (8.4, 18.0);
const MARGIN: f64 = 12.0;

fn main() {
    let mut dash = Dashboard::new(fleet::START);
    let mut story = fleet::Story::new(24, fleet::START);
    for _ in 0..34 {
        let batch = story.pass(1.0);
        dash.apply(Input::Tick(story.now()));
        dash.apply(Input::Message(Box::new(ServerMessage::Events(batch))));
    }
    let area = Rect::new(0, 0, SIZE.0, SIZE.1);
    let mut buf = Buffer::empty(area);
    view::draw(&mut buf, area, &dash, &Theme::new(Colour::True, true));
    let (width, height) = (f64::from(SIZE.0) * CELL.0 + 2.0 * MARGIN, f64::from(SIZE.1) * CELL.1 + 2.0 * MARGIN);
    println!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} \
         {height:.0}\" font-family=\"ui-monospace,Menlo,Consolas,DejaVu Sans Mono,monospace\" font-size=\"14\">"
    );
    println!("<title>The Capledger dashboard during an upgrade</title>");
    println!("<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#14171c\"/>");
    for y in 0..SIZE.1 {
        let mut x = 0;
        while x < SIZE.0 {
            let style = buf[(x, y)].style();
            let end = (x..SIZE.0).find(|i| buf[(*i, y)].style() != style).unwrap_or(SIZE.0);
            let text: String = (x..end).map(|i| buf[(i, y)].symbol()).collect();
            run(x, y, &text, style);
            x = end;
        }
    }
    println!("</svg>");
}

/// Cells of one style.
fn run(x: u16, y: u16, text: &str, style: Style) {
    let (left, top) = (MARGIN + f64::from(x) * CELL.0, MARGIN + f64::from(y) * CELL.1);
    let width = text.chars().count() as f64 * CELL.0;
    if let Some(Color::Rgb(r, g, b)) = style.bg {
        println!(
            "<rect x=\"{left:.1}\" y=\"{top}\" width=\"{width:.1}\" height=\"{}\" fill=\"#{r:02x}{g:02x}{b:02x}\"/>",
            CELL.1
        );
    }
    let words = text.trim_end();
    if words.trim_start().is_empty() {
        return;
    }
    let indent = words.chars().count() - words.trim_start().chars().count();
    let (left, words) = (left + indent as f64 * CELL.0, words.trim_start());
    let colour =
        if let Some(Color::Rgb(r, g, b)) = style.fg { format!("#{r:02x}{g:02x}{b:02x}") } else { "#c8ccd4".to_owned() };
    let bold = if style.add_modifier.contains(Modifier::BOLD) { " font-weight=\"700\"" } else { "" };
    let words_width = words.chars().count() as f64 * CELL.0;
    let escaped = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    println!(
        "<text x=\"{left:.1}\" y=\"{:.1}\" fill=\"{colour}\" textLength=\"{words_width:.1}\" \
         lengthAdjust=\"spacingAndGlyphs\"{bold} xml:space=\"preserve\">{escaped}</text>",
        top + 13.5
    );
}
