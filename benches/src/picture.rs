//! The picture of README: latency by phase, and sweep time against users.

use std::fmt::Write;

use crate::Results;
use crate::sweep::Sweep;

const COLOURS: [&str; 3] = ["#2f6f9f", "#c8762b", "#7a7a7a"];

/// An SVG.
pub fn draw(results: &Results) -> String {
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 860 300\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"860\" height=\"300\" fill=\"#ffffff\"/>\n",
    );
    phases(&mut svg, results);
    growth(&mut svg, &results.sweeps);
    svg.push_str("</svg>\n");
    svg
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"#333\">{words}</text>")
        .expect("text takes everything");
}

fn phases(svg: &mut String, results: &Results) {
    text(svg, 20.0, 24.0, "start", "One rotation, 20 ms added to each call (ms)");
    let of = |figures: &crate::Figures| [figures.start_millis, figures.first.millis, figures.warm.millis];
    let most = results.figures.iter().flat_map(of).fold(0.0, f64::max);
    let height = 150.0 / results.figures.len() as f64 / 3.0;
    let mut y = 50.0;
    for (phase, name) in ["start of the process", "first invocation", "warm invocation"].into_iter().enumerate() {
        text(svg, 20.0, y + 4.0, "start", name);
        y += 12.0;
        for (n, figures) in results.figures.iter().enumerate() {
            let value = of(figures)[phase];
            let width = 280.0 * value / most;
            writeln!(
                svg,
                "<rect x=\"20\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{:.1}\" fill=\"{}\"/>",
                height * 0.6,
                COLOURS[n % 3]
            )
            .expect("text takes everything");
            text(
                svg,
                26.0 + width,
                y + height * 0.45,
                "start",
                &format!(
                    "{value:.0}{}",
                    if results.figures.len() > 1 { format!(" {}", figures.name) } else { String::new() }
                ),
            );
            y += height;
        }
        y += 16.0;
    }
}

fn growth(svg: &mut String, sweeps: &[Sweep]) {
    text(svg, 440.0, 24.0, "start", "A sweep, 16 users at a time, 20 ms added to each call");
    let (left, bottom, width, height) = (490.0, 260.0, 300.0, 205.0);
    let shown: Vec<_> = sweeps.iter().filter(|sweep| sweep.limit.is_none() && sweep.concurrency == 16).collect();
    let users = shown.iter().map(|sweep| sweep.users).max().unwrap_or(1) as f64;
    let seconds = shown.iter().map(|sweep| sweep.seconds).fold(1.0, f64::max);
    let place = |sweep: &Sweep| (left + width * sweep.users as f64 / users, bottom - height * sweep.seconds / seconds);
    writeln!(
        svg,
        "<path d=\"M{left} {:.0}V{bottom}H{:.0}\" stroke=\"#999\" fill=\"none\"/>",
        bottom - height,
        left + width
    )
    .expect("text takes everything");
    for part in 0..=4 {
        let share = f64::from(part) / 4.0;
        text(svg, left - 8.0, bottom - height * share + 4.0, "end", &format!("{:.0} s", seconds * share));
        text(svg, left + width * share, bottom + 18.0, "middle", &format!("{:.0}", users * share));
    }
    text(svg, left + width / 2.0, bottom + 34.0, "middle", "users");
    for (n, all_changed) in [true, false].into_iter().enumerate() {
        let line: Vec<_> =
            shown.iter().filter(|sweep| sweep.all_changed == all_changed).map(|sweep| place(sweep)).collect();
        let points: Vec<_> = line.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>",
            points.join(" "),
            COLOURS[n]
        )
        .expect("text takes everything");
        for (x, y) in &line {
            writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{}\"/>", COLOURS[n])
                .expect("text takes everything");
        }
        if let Some((x, y)) = line.last() {
            text(svg, x + 8.0, y + 4.0, "start", if all_changed { "changed" } else { "unchanged" });
        }
    }
}
