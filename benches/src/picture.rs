//! The picture of `docs/performance.md`: the calls of a rotation, and the duration of a reconcile
//! run by number of users.

use std::error::Error;

use plotters::coord::Shift;
use plotters::coord::ranged1d::SegmentValue;
use plotters::prelude::*;

use crate::figures::{Figures, Invocation};
use crate::reconcile::ReconcileRun;
use crate::results::Measured;

const SIZE: (u32, u32) = (900, 380);
const TEXT: RGBColor = RGBColor(0x33, 0x33, 0x33);
const GRID: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);
const BLUE: RGBColor = RGBColor(0x2f, 0x6f, 0x9f);
const ORANGE: RGBColor = RGBColor(0xc8, 0x76, 0x2b);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

/// Returns the picture as SVG.
pub fn draw(function: &Measured) -> Result<String, String> {
    let mut svg = String::new();
    draw_into(&mut svg, function).map_err(|error| format!("draw the picture: {error}"))?;
    Ok(svg)
}

fn draw_into(svg: &mut String, function: &Measured) -> Drawn {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    // An opaque background keeps the picture readable on dark pages.
    root.fill(&WHITE)?;
    let (left, right) = root.split_horizontally(SIZE.0 / 2);
    if let Some(figures) = &function.rotations {
        draw_rotations(&left, figures)?;
    }
    draw_growth(&right, &function.reconcile_runs)?;
    root.present()?;
    Ok(())
}

fn font(size: i32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&TEXT)
}

/// Draws the calls of the first and of a warm invocation on the same time scale.
fn draw_rotations(area: &Area<'_>, figures: &Figures) -> Drawn {
    let (title, area) = area.split_vertically(34);
    title.draw_text(
        "One rotation, 20 ms added to each call",
        &font(17),
        (16, 12),
    )?;
    let end_ms = figures.first.duration_ms.max(figures.warm.duration_ms);
    let rows = figures.first.spans.len() + figures.warm.spans.len();
    let height = f64::from(area.dim_in_pixel().1) - 2.0 * FRAME;
    let first_height = FRAME + height * figures.first.spans.len() as f64 / rows as f64;
    let (first, warm) = area.split_vertically(first_height);
    draw_rotation(&first, "First invocation", &figures.first, end_ms)?;
    draw_rotation(&warm, "Warm invocation", &figures.warm, end_ms)
}

/// The height of a rotation's caption and axis.
const FRAME: f64 = 66.0;

fn draw_rotation(area: &Area<'_>, name: &str, invocation: &Invocation, end_ms: f64) -> Drawn {
    let mut spans = invocation.spans.clone();
    // The first call is drawn on top, which is the highest row.
    spans.sort_by(|one, other| other.began_ms.total_cmp(&one.began_ms));
    let caption = format!("{name}: {:.0} ms", invocation.duration_ms);
    let mut chart = ChartBuilder::on(area)
        .caption(caption, font(16))
        .margin_left(16)
        .margin_right(16)
        .margin_bottom(6)
        .x_label_area_size(24)
        .y_label_area_size(80)
        .build_cartesian_2d(0.0..end_ms, (0..spans.len() - 1).into_segmented())?;
    let kind = |row: &SegmentValue<usize>| match row {
        SegmentValue::CenterOf(row) => spans.get(*row).map_or("", |span| span.kind).to_owned(),
        _ => String::new(),
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(GRID)
        .label_style(font(15))
        .x_labels(5)
        .y_labels(spans.len())
        .x_label_formatter(&|ms| format!("{ms:.0} ms"))
        .y_label_formatter(&kind)
        .draw()?;
    chart.draw_series(spans.iter().enumerate().map(|(row, span)| {
        let colour = if span.kind.starts_with("Vault") {
            ORANGE
        } else {
            BLUE
        };
        let from = (span.began_ms, SegmentValue::Exact(row));
        let to = (span.ended_ms, SegmentValue::Exact(row + 1));
        let mut bar = Rectangle::new([from, to], colour.filled());
        bar.set_margin(3, 3, 0, 0);
        bar
    }))?;
    Ok(())
}

/// Draws the duration of the reconcile runs that differ only in the number of users.
fn draw_growth(area: &Area<'_>, runs: &[ReconcileRun]) -> Drawn {
    let (title, area) = area.split_vertically(34);
    let text = "Reconcile run, concurrency 16, 20 ms added to each call";
    title.draw_text(text, &font(17), (16, 12))?;
    let comparable = |run: &&ReconcileRun| {
        let case = run.case;
        let is_limited = case.ssm_limit.is_some() || case.vault_quota.is_some();
        let is_usual = case.concurrency == 16 && !case.added_latency.is_zero();
        is_usual && !is_limited && case.targets.is_none()
    };
    let runs: Vec<_> = runs.iter().filter(comparable).collect();
    let users = runs.iter().map(|run| run.case.users).max().unwrap_or(1);
    let seconds = runs.iter().map(|run| run.seconds).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(&area)
        .margin(16)
        .margin_right(30)
        .x_label_area_size(40)
        .y_label_area_size(50)
        .build_cartesian_2d(0..users, 0.0..seconds * 1.05)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(GRID)
        .label_style(font(15))
        .axis_desc_style(font(15))
        .x_labels(5)
        .y_labels(6)
        .x_desc("users")
        .y_label_formatter(&|seconds| format!("{seconds:.0} s"))
        .draw()?;
    for (name, all_changed, colour) in [("changed", true, BLUE), ("unchanged", false, ORANGE)] {
        let runs = runs.iter().filter(|run| run.all_changed == all_changed);
        let points = runs.map(|run| (run.case.users, run.seconds));
        let line = LineSeries::new(points, colour.filled().stroke_width(2)).point_size(3);
        chart
            .draw_series(line)?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .label_font(font(15))
        .border_style(GRID)
        .background_style(WHITE)
        .draw()?;
    Ok(())
}
