use super::*;

#[test]
fn a_percentile_axis_gives_every_nine_the_same_room() {
    let axis = Axis::new(Scale::Tail, [0.0, 99.9].into_iter(), 0.0, 300.0).expect("an axis");
    let places: Vec<f64> = [0.0, 90.0, 99.0, 99.9].map(|p| axis.place(p)).into();
    assert!(places.iter().zip([0.0, 100.0, 200.0, 300.0]).all(|(a, b)| (a - b).abs() < 1e-6), "{places:?}");
}

#[test]
fn ticks_are_round_and_within_the_axis() {
    for (scale, low, high) in [
        (Scale::Linear, 0.0, 7.3),
        (Scale::Linear, 0.0, 12_345.0),
        (Scale::Log, 0.9, 1_200.0),
        (Scale::Log, 10.0, 11.0),
        (Scale::Log, 1.0, 4.0),
        (Scale::Log, 6.1, 6.2),
    ] {
        let axis = Axis::new(scale, [low, high].into_iter(), 0.0, 1.0).expect("an axis");
        let ticks = axis.ticks();
        assert!((2..=9).contains(&ticks.len()), "{scale:?} {low} {high}: {ticks:?}");
        assert!(ticks.iter().all(|t| (-1e-6..=1.000_1).contains(&axis.place(*t))), "{ticks:?}");
    }
}

#[test]
fn no_name_of_a_mark_lies_on_the_line_of_another() {
    for places in [[60.0, 70.0, 80.0, 90.0], [60.0, 380.0, 420.0, 440.0], [60.0, 70.0, 425.0, 447.0], [400.0, 410.0, 420.0, 430.0]] {
        let marks = places.map(|at| (at, "P99 12.34".to_owned(), false)).into();
        let rows = apart(marks);
        for (k, (at, name, _, left)) in rows.iter().enumerate() {
            let width = 6.8 * name.chars().count() as f64;
            let (from, until) = if *left { (at - 3.0 - width, at - 3.0) } else { (at + 3.0, at + 3.0 + width) };
            // Lines that begin in a row above pass this one.
            for (line, ..) in &rows[..k] {
                assert!(!(from..until).contains(line), "{places:?}: {at} on {line}");
            }
        }
    }
}

#[test]
fn what_has_no_points_draws_nothing() {
    let chart = Lines {
        title: "t".into(),
        x: ("s".into(), Scale::Linear),
        y: ("ms".into(), Scale::Log),
        lines: vec![Line { name: "a".into(), points: vec![], dashed: false, dots: false }],
        marks: vec![],
        goals: vec![],
    };
    assert_eq!(lines(&chart), None);
    assert_eq!((histogram("t", &[], &[], None), strip("t", &[], "s"), heatmap("t", &[], &[], ("a", "b"))), (None, None, None));
}

#[test]
fn every_chart_is_well_formed_and_has_no_figure_that_is_none() {
    let chart = Lines {
        title: "<&>".into(),
        x: ("s".into(), Scale::Linear),
        y: ("tok/s".into(), Scale::Linear),
        lines: vec![Line { name: "a<".into(), points: vec![(0.0, 1.0), (1.0, f64::NAN), (2.0, 3.0)], dashed: true, dots: true }],
        marks: vec![(1.0, "note <b>".into())],
        goals: vec![(2.0, "goal".into())],
    };
    let row = ("1".to_owned(), vec![Some(3.0), None]);
    for svg in [
        lines(&chart),
        histogram("h", &[(1.0, 5), (40.0, 1)], &[(2.0, "P50".into())], Some(9.0)),
        strip("s", &[(0, 10.0, 3), (400, 90.0, 1)], "s"),
        heatmap("m", &["a".into(), "b".into()], &[row], ("x", "y")),
    ] {
        let svg = svg.expect("a chart");
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>") && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert!(!svg.contains("<b>") && !svg.contains("<&>"), "{svg}");
        let (opened, closed) = (svg.matches("<text").count(), svg.matches("</text>").count());
        assert_eq!(opened, closed);
    }
}
