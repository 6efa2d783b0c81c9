//! The picture of README: latency by phase, and sweep time against users.

use std::fmt::Write;

use crate::Results;
use crate::measure::Figures;
use crate::sweep::Sweep;

const COLOURS: [&str; 2] = ["#2f6f9f", "#c8762b"];

/// An SVG.
pub fn draw(results: &Results) -> String {
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 900 310\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"900\" height=\"310\" fill=\"#ffffff\"/>\n",
    );
    phases(&mut svg, &results.figures[0]);
    growth(&mut svg, &results.sweeps);
    svg.push_str("</svg>\n");
    svg
}

fn put(svg: &mut String, element: std::fmt::Arguments<'_>) {
    writeln!(svg, "{element}").expect("text takes everything");
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    put(svg, format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"#333\">{words}</text>"));
}

/// The calls of a rotation, each from when to when.
fn phases(svg: &mut String, figures: &Figures) {
    text(svg, 20.0, 24.0, "start", "One rotation, call by call, 20 ms added to each (ms)");
    let (left, width, line) = (120.0, 270.0, 17.0);
    let most = figures.first.millis.max(figures.warm.millis);
    let at = |millis: f64| left + width * millis / most;
    let mut y = 52.0;
    for (name, invocation) in [("first invocation", &figures.first), ("warm invocation", &figures.warm)] {
        text(svg, 20.0, y, "start", &format!("{name}: {:.0} ms", invocation.millis));
        let mut spans = invocation.spans.clone();
        spans.sort_by(|one, other| one.1.total_cmp(&other.1));
        for (what, from, to) in spans {
            y += line;
            text(svg, left - 8.0, y, "end", what);
            let (x, wide, colour) = (at(from), at(to) - at(from), COLOURS[usize::from(what.starts_with("Vault"))]);
            let top = y - 10.0;
            put(
                svg,
                format_args!("<rect x=\"{x:.1}\" y=\"{top:.1}\" width=\"{wide:.1}\" height=\"11\" fill=\"{colour}\"/>"),
            );
        }
        y += 1.6 * line;
    }
}

fn growth(svg: &mut String, sweeps: &[Sweep]) {
    text(svg, 450.0, 24.0, "start", "A sweep, 16 users at a time, 20 ms added to each call");
    let (left, bottom, width, height) = (500.0, 260.0, 310.0, 205.0);
    let grows =
        |sweep: &&Sweep| sweep.case.limit.is_none() && sweep.case.concurrency == 16 && !sweep.case.added.is_zero();
    let shown: Vec<_> = sweeps.iter().filter(grows).collect();
    let users = shown.iter().map(|sweep| sweep.case.users).max().unwrap_or(1) as f64;
    let seconds = shown.iter().map(|sweep| sweep.seconds).fold(1.0, f64::max);
    let place =
        |sweep: &Sweep| (left + width * sweep.case.users as f64 / users, bottom - height * sweep.seconds / seconds);
    let (top, right) = (bottom - height, left + width);
    put(svg, format_args!("<path d=\"M{left} {top}V{bottom}H{right}\" stroke=\"#999\" fill=\"none\"/>"));
    for part in 0..=4 {
        let share = f64::from(part) / 4.0;
        text(svg, left - 8.0, bottom - height * share + 4.0, "end", &format!("{:.1} s", seconds * share));
        text(svg, left + width * share, bottom + 18.0, "middle", &format!("{:.0}", users * share));
    }
    text(svg, left + width / 2.0, bottom + 34.0, "middle", "users");
    for (all_changed, colour) in [true, false].into_iter().zip(COLOURS) {
        let line: Vec<_> =
            shown.iter().filter(|sweep| sweep.all_changed == all_changed).map(|sweep| place(sweep)).collect();
        let points: Vec<_> = line.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let points = points.join(" ");
        put(svg, format_args!("<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"));
        for (x, y) in &line {
            put(svg, format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"));
        }
        if let Some((x, y)) = line.last() {
            text(svg, x + 8.0, y + 4.0, "start", if all_changed { "changed" } else { "unchanged" });
        }
    }
}
