//! Measured values to charts: sorted, summed up in a sentence, and thinned so that no peak is lost.

use crate::keys;
use crate::limits::{BUCKETS, POINTS_READ, SERIES_SHOWN};
use crate::time::{DAY, Stamp};
use crate::view::{Chart, Message, Moment, Point, Precision, Series, Style, Words};

/// A series of more points than this is thinned.
const MOST: usize = 2 * BUCKETS;

/// A series while it is collected.
#[derive(Debug)]
struct Track {
    /// Tells series apart: the column, or the code and unit.
    id: String,
    /// Series of one group and unit share a chart.
    group: String,
    name: Words,
    unit: String,
    points: Vec<Point>,
    floating: bool,
    days: bool,
}

/// All series of one record.
#[derive(Debug, Default)]
pub(crate) struct Tracks {
    tracks: Vec<Track>,
    read: usize,
    /// Values without a place: beyond a limit, not a finite number, or from a series whose times do not fit together.
    pub(crate) dropped: usize,
}

/// What a value belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Label<'a> {
    pub(crate) id: &'a str,
    pub(crate) group: &'a str,
    pub(crate) name: &'a Words,
    pub(crate) unit: &'a str,
}

impl Tracks {
    pub(crate) fn push(&mut self, label: Label<'_>, at: Stamp, until: Option<Stamp>, y: f64) {
        let known = self.tracks.iter().position(|track| track.id == label.id && track.unit == label.unit);
        let place = known.or_else(|| (self.tracks.len() < SERIES_SHOWN).then_some(self.tracks.len()));
        if self.read >= POINTS_READ || !y.is_finite() || place.is_none() {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        if known.is_none() {
            self.tracks.push(Track {
                id: label.id.to_owned(),
                group: label.group.to_owned(),
                name: label.name.clone(),
                unit: label.unit.to_owned(),
                points: Vec::new(),
                floating: at.floating,
                days: true,
            });
        }
        let Some(track) = place.and_then(|place| self.tracks.get_mut(place)) else { return };
        // A day has no offset in any notation; otherwise wall-clock times and instants have no common axis.
        let is_day = at.precision <= Precision::Day;
        if track.floating != at.floating && !is_day {
            if !track.days {
                self.dropped = self.dropped.saturating_add(1);
                return;
            }
            track.floating = at.floating;
        }
        track.days = track.days && is_day;
        let until = until.map(|stamp| stamp.at).filter(|until| *until > at.at);
        track.points.push(Point { x: at.at, y, until });
        self.read = self.read.saturating_add(1);
    }

    /// True where [`Tracks::charts`] has something to draw.
    pub(crate) fn run_over_time(&self) -> bool {
        self.tracks
            .iter()
            .any(|track| track.points.iter().any(|point| track.points.first().is_some_and(|first| first.x != point.x)))
    }

    /// One chart for each group and unit with at least two points in time. Empty where nothing runs over time.
    pub(crate) fn charts(self) -> Vec<Chart> {
        let mut charts: Vec<(String, Chart)> = Vec::new();
        for mut track in self.tracks {
            // Devices write in order of time nearly always, and a stable sort is a large piece of code.
            track.points.sort_unstable_by_key(|point| point.x);
            let (Some(first), Some(last)) = (track.points.first().copied(), track.points.last().copied()) else {
                continue;
            };
            if first.x == last.x {
                continue;
            }
            let bounds = Bounds::of(&track.points);
            let summary = summary(&track, first, last, &bounds);
            let to = track.points.iter().filter_map(|point| point.until).fold(last.x, i64::max);
            let place = charts.iter_mut().find(|(group, chart)| {
                *group == track.group && chart.unit == track.unit && chart.floating == track.floating
            });
            let chart = match place {
                Some((_, chart)) => chart,
                None => {
                    let chart = Chart {
                        unit: track.unit.clone(),
                        from: first.x,
                        to,
                        min: bounds.min,
                        max: bounds.max,
                        floating: track.floating,
                        days: track.days,
                        series: Vec::new(),
                        summary: Vec::new(),
                    };
                    charts.push((track.group.clone(), chart));
                    let Some((_, chart)) = charts.last_mut() else { continue };
                    chart
                }
            };
            chart.from = chart.from.min(first.x);
            chart.to = chart.to.max(to);
            chart.min = chart.min.min(bounds.min);
            chart.max = chart.max.max(bounds.max);
            chart.days = chart.days && track.days;
            chart.summary.push(summary);
            chart.series.push(series(track, first.x, last.x));
        }
        charts.into_iter().map(|(_, chart)| chart).collect()
    }
}

/// A chart of the points between two times and of one neighbour on each side, so that lines reach the edges.
pub(crate) fn between(chart: &Chart, from: i64, to: i64) -> Chart {
    let window = |series: &Series| {
        let all = if series.thinned { &series.every } else { &series.points };
        let start = all.partition_point(|point| point.until.unwrap_or(point.x) < from).saturating_sub(1);
        let end = all.partition_point(|point| point.x <= to).saturating_add(1).min(all.len());
        let inside = all.get(start..end).unwrap_or_default();
        let thinned = inside.len() > MOST;
        let points = if thinned { thin(inside, from, to) } else { inside.to_vec() };
        Series {
            name: series.name.clone(),
            style: series.style,
            points,
            count: series.count,
            thinned,
            every: Vec::new(),
            gap: gap(inside, from, to, chart.days),
        }
    };
    Chart {
        from,
        to,
        series: chart.series.iter().map(window).collect(),
        unit: chart.unit.clone(),
        summary: chart.summary.clone(),
        ..*chart
    }
}

struct Bounds {
    min: f64,
    max: f64,
    mean: f64,
}

impl Bounds {
    fn of(points: &[Point]) -> Self {
        let mut bounds = Self { min: f64::INFINITY, max: f64::NEG_INFINITY, mean: 0.0 };
        let mut count = 0.0;
        for point in points {
            count += 1.0;
            bounds.min = bounds.min.min(point.y);
            bounds.max = bounds.max.max(point.y);
            // A running mean: a sum of values near the end of the range would overflow to infinity.
            bounds.mean += point.y / count - bounds.mean / count;
        }
        bounds
    }
}

fn summary(track: &Track, first: Point, last: Point, bounds: &Bounds) -> Message {
    let precision = if track.days { Precision::Day } else { Precision::Minute };
    let moment = |at| Moment { at, precision, floating: track.floating, text: String::new() };
    let message = Message::new(if track.unit.is_empty() { keys::SUMMARY_NO_UNIT } else { keys::SUMMARY })
        .with("name", track.name.clone())
        .with("count", track.points.len())
        .with("from", moment(first.x))
        .with("to", moment(last.x))
        .with("min", bounds.min)
        .with("max", bounds.max)
        .with("mean", bounds.mean)
        .with("last", last.y);
    if track.unit.is_empty() { message } else { message.with("unit", track.unit.clone()) }
}

fn series(track: Track, from: i64, to: i64) -> Series {
    let count = track.points.len();
    let bars = track.points.iter().filter(|point| point.until.is_some()).count().saturating_mul(2) > count;
    let thinned = count > MOST;
    let gap = gap(&track.points, from, to, track.days);
    let (points, every) =
        if thinned { (thin(&track.points, from, to), track.points) } else { (track.points, Vec::new()) };
    Series { name: track.name, style: if bars { Style::Bars } else { Style::Line }, points, count, thinned, every, gap }
}

/// The distance from which neighbours are not joined: five times the usual one, and more than thinning puts between them.
fn gap(points: &[Point], from: i64, to: i64, days: bool) -> i64 {
    let buckets = i64::try_from(BUCKETS).unwrap_or(i64::MAX);
    let thinning = if points.len() > MOST {
        to.saturating_sub(from).checked_div(buckets).unwrap_or(0).saturating_mul(3)
    } else {
        0
    };
    usual_step(points).saturating_mul(5).max(thinning).max(if days { DAY } else { 0 })
}

/// The median of the distances between neighbours, over some of them, evenly spread.
fn usual_step(points: &[Point]) -> i64 {
    const SOME: usize = 101;
    let stride = points.len().checked_div(SOME).unwrap_or(0).max(1);
    let pairs = points.iter().zip(points.iter().skip(1)).step_by(stride);
    let steps: Vec<i64> = pairs.map(|(one, next)| next.x.saturating_sub(one.x)).collect();
    let half = steps.len().checked_div(2).unwrap_or(0);
    let lower = |step: i64| steps.iter().filter(|other| **other < step).count();
    let higher = |step: i64| steps.iter().filter(|other| **other > step).count();
    steps.iter().copied().find(|step| lower(*step) <= half && higher(*step) <= half).unwrap_or(0)
}

/// The lowest and the highest point of each bucket, in order of time.
fn thin(points: &[Point], from: i64, to: i64) -> Vec<Point> {
    let buckets = i64::try_from(BUCKETS).unwrap_or(i64::MAX);
    let span = to.saturating_sub(from).saturating_add(1);
    // Times lie within 9999 years, about 3 · 10^14 ms, so the product stays far below 2^63.
    let bucket = |point: &Point| point.x.saturating_sub(from).saturating_mul(buckets).checked_div(span).unwrap_or(0);
    let mut kept = Vec::with_capacity(BUCKETS.saturating_mul(2));
    for group in points.chunk_by(|one, next| bucket(one) == bucket(next)) {
        let low = group.iter().enumerate().min_by(|one, other| one.1.y.total_cmp(&other.1.y));
        let high = group.iter().enumerate().max_by(|one, other| one.1.y.total_cmp(&other.1.y));
        let (Some((low_at, low)), Some((high_at, high))) = (low, high) else { continue };
        match low_at.cmp(&high_at) {
            std::cmp::Ordering::Less => kept.extend([*low, *high]),
            std::cmp::Ordering::Greater => kept.extend([*high, *low]),
            std::cmp::Ordering::Equal => kept.push(*low),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::iso;
    use crate::view::Arg;
    use proptest::prelude::*;

    fn collect(values: &[(&str, f64)]) -> Tracks {
        let mut tracks = Tracks::default();
        let name = Words::Data("pulse".into());
        for (at, y) in values {
            tracks.push(Label { id: "a", group: "g", name: &name, unit: "/min" }, iso(at).unwrap(), None, *y);
        }
        tracks
    }

    #[test]
    fn values_are_sorted_and_summed_up() {
        let charts =
            collect(&[("2026-11-09T08:00Z", 70.0), ("2026-11-09T07:00Z", 60.0), ("2026-11-09T09:00Z", 65.0)]).charts();
        let chart = &charts[0];
        assert_eq!((chart.min, chart.max, chart.to - chart.from), (60.0, 70.0, 7_200_000));
        let ys: Vec<f64> = chart.series[0].points.iter().map(|point| point.y).collect();
        assert_eq!(ys, [60.0, 70.0, 65.0]);
        let mean = chart.summary[0].args.iter().find(|(name, _)| *name == "mean").unwrap();
        assert_eq!(mean.1, Arg::Number(65.0));
        assert_eq!(chart.series[0].gap, 5 * 3_600_000);
    }

    #[test]
    fn what_does_not_run_over_time_has_no_chart() {
        assert!(collect(&[]).charts().is_empty());
        assert!(collect(&[("2026-11-09", 1.0), ("2026-11-09", 2.0)]).charts().is_empty());
    }

    #[test]
    fn instants_and_wall_clock_times_are_not_mixed() {
        let tracks = collect(&[
            ("2026-11-09T08:00Z", 1.0),
            ("2026-11-09T09:00", 2.0),
            ("2026-11-10", 4.0),
            ("2026-11-09T10:00Z", 3.0),
        ]);
        assert_eq!(tracks.dropped, 1);
        assert_eq!(tracks.charts()[0].series[0].count, 3);
    }

    #[test]
    fn values_that_are_no_numbers_are_counted() {
        let tracks = collect(&[
            ("2026-11-09", f64::NAN),
            ("2026-11-10", f64::INFINITY),
            ("2026-11-11", f64::MAX),
            ("2026-11-12", f64::MAX),
        ]);
        assert_eq!(tracks.dropped, 2);
        let chart = &tracks.charts()[0];
        assert!(
            chart.max.is_finite()
                && chart.summary[0].args.iter().all(|(_, arg)| !matches!(arg, Arg::Number(n) if !n.is_finite()))
        );
    }

    #[test]
    fn zooming_brings_back_what_was_thinned() {
        let mut tracks = Tracks::default();
        let name = Words::Data("pulse".into());
        let start = iso("2026-11-09T00:00Z").unwrap();
        for second in 0..100_000_i64 {
            let y = if second == 51_234 { 200.0 } else { f64::from(i32::try_from(second % 7).unwrap()) };
            tracks.push(
                Label { id: "a", group: "g", name: &name, unit: "" },
                Stamp { at: start.at + second * 1000, ..start },
                None,
                y,
            );
        }
        let whole = tracks.charts().remove(0);
        assert!(whole.series[0].thinned && whole.series[0].points.len() <= MOST);
        assert!(whole.series[0].points.iter().any(|point| point.y == 200.0), "the peak is on the chart");
        let (from, to) = (start.at + 51_000_000, start.at + 51_500_000);
        let near = between(&whole, from, to);
        assert!(!near.series[0].thinned);
        // 501 seconds and a neighbour on each side.
        assert_eq!(near.series[0].points.len(), 503);
        assert_eq!((near.series[0].gap, near.from, near.to), (5_000, from, to));
        assert_eq!(between(&whole, i64::MIN, i64::MAX).series[0].count, 100_000);
        assert!(between(&whole, i64::MAX, i64::MIN).series[0].points.len() <= 2);
    }

    proptest! {
        /// Thinning keeps the highest and lowest value, the order, and the bound, whatever the values.
        #[test]
        fn no_peak_is_lost(values in prop::collection::vec((0_i64..10_000_000, -1e6..1e6_f64), 2..6000)) {
            let mut points: Vec<Point> = values.into_iter().map(|(x, y)| Point { x, y, until: None }).collect();
            points.sort_by_key(|point| point.x);
            let (from, to) = (points[0].x, points.last().map_or(0, |point| point.x));
            let kept = thin(&points, from, to);
            prop_assert!(kept.len() <= 2 * BUCKETS);
            prop_assert!(kept.windows(2).all(|pair| pair[0].x <= pair[1].x));
            let (all, thin) = (Bounds::of(&points), Bounds::of(&kept));
            prop_assert_eq!((all.min, all.max), (thin.min, thin.max));
        }
    }
}
