//! Growth and forecasts, by example and against a model.

use super::*;
use crate::domain::Bytes;
use crate::inventory::testing::model;
use proptest::prelude::*;

const NOW: i64 = 20_000 * DAY;
const GIB: u64 = 1 << 30;

/// So many bytes in equal parts on so many days.
fn growth(bytes: u64, spans: u32) -> Growth {
    let mut days = vec![0; DAYS];
    let each = bytes / u64::from(spans);
    days[DAYS - spans as usize..].fill(each);
    Growth {
        days,
        before: 0,
        spans,
    }
}

fn samples(used: impl Fn(i64) -> u64, days: i64) -> Vec<Sample> {
    (0..=days)
        .map(|day| Sample {
            at: When::from_unix(NOW - (days - day) * DAY),
            used: used(day),
        })
        .collect()
}

fn of(samples: &[Sample], growth: &Growth, available: u64) -> String {
    forecast(
        samples,
        Some(growth),
        Some(Bytes(available)),
        When::from_unix(NOW),
    )
    .to_string()
}

#[test]
fn says_what_it_stands_on() {
    let steady = samples(|day| day as u64 * GIB, 12);
    assert_eq!(
        of(&steady, &growth(1, 1), 41 * GIB + 5),
        "full in about 41 days (1.0 GiB a day, by what was in use over the last 12 days)"
    );
    // A collection in between.
    let fell = samples(
        |day| day as u64 * GIB + if day < 6 { 40 * GIB } else { 0 },
        12,
    );
    assert!(of(&fell, &growth(1, 1), 10 * GIB).starts_with("full in about 10 days"));
    assert_eq!(
        of(&steady[..2], &growth(60 * GIB, 30), GIB),
        "full within a day (2.0 GiB a day, by what was uploaded over the last 30 days and is still there)"
    );
    assert_eq!(
        of(&[], &growth(20 * GIB, 10), 3 * GIB),
        "full in about 1 day (2.0 GiB a day, by what was uploaded over the last 10 days and is still there)"
    );
    assert_eq!(
        of(&samples(|_| GIB, 5), &growth(GIB, 30), GIB),
        "not full within ten years (no growth, by what was in use over the last 5 days)"
    );
    assert!(of(&[], &growth(100, 30), GIB).starts_with("not full within ten years (3 B a day"));
    assert_eq!(
        of(&[], &growth(GIB, 2), GIB),
        "no forecast: fewer than 3 days of uploads or samples to go by"
    );
    assert_eq!(of(&[], &growth(GIB, 30), 0), "full now");
    let mut old = growth(1, 1);
    (old.before, old.spans) = (GIB, DAYS as u32);
    assert_eq!(
        of(&[], &old, GIB),
        "not full within ten years (no growth, by what was uploaded over the last 30 days and is still there)"
    );
    let blind = forecast(&steady, Some(&growth(GIB, 30)), None, When::from_unix(NOW));
    assert!(matches!(blind, Forecast::Unknown(why) if why.contains("not known")));
}

#[test]
fn the_curve_is_by_samples_where_they_are_enough() {
    let now = When::from_unix(NOW);
    let by_uploads = growth(60 * GIB, 30);
    let drawn = |samples: &[Sample]| curve(samples, Some(&by_uploads), now).unwrap();
    let some = samples(|day| 100 + day as u64, 12);
    let by_samples = drawn(&some);
    assert!(by_samples.sampled);
    assert_eq!(by_samples.sizes, (100..=112).collect::<Vec<u64>>());
    // A day without a look is as the day before it.
    let gap: Vec<Sample> = [&some[..4], &some[6..]].concat();
    assert_eq!(drawn(&gap).sizes[3..7], [103, 103, 103, 106]);
    let few = drawn(&some[..3]);
    assert_eq!((few.sampled, few.sizes), (false, by_uploads.sizes()));
    assert_eq!(curve(&some[..3], None, now), None);
    assert!(curve(&some, None, now).is_some());
    let unknown = forecast(&some[..3], None, Some(Bytes(1)), now);
    assert!(matches!(unknown, Forecast::Unknown(_)));
}

#[test]
fn samples_stay_few_and_in_order() {
    let mut kept = Vec::new();
    for minute in 0..60 * 24 * 40 {
        if minute % 20 == 0 {
            let at = When::from_unix(NOW + minute * 60);
            remember(
                &mut kept,
                Sample {
                    at,
                    used: minute as u64,
                },
            );
        }
    }
    let last = kept[kept.len() - 1];
    assert_eq!(last.used, 60 * 24 * 40 - 20);
    assert!(kept.windows(2).all(|pair| pair[0].at < pair[1].at));
    assert!((84..=92).contains(&kept.len()), "{}", kept.len());
    let before = kept.clone();
    remember(&mut kept, Sample { used: 1, ..last });
    assert_eq!(kept, before);
    for day in 0..2 * MOST_SAMPLES as i64 {
        let at = When::from_unix(NOW + (100 + day) * DAY);
        remember(&mut kept, Sample { at, used: 0 });
    }
    assert_eq!(kept.len(), MOST_SAMPLES);
}

#[test]
fn briefly() {
    let by = |a_day, sampled| Rate {
        a_day,
        days: 9,
        sampled,
    };
    let full = |days, by| Forecast::Full { days, by }.brief();
    assert_eq!(
        full(41, by(GIB, true)),
        "+1.0 GiB a day in use; full in about 41 days"
    );
    assert_eq!(
        full(0, by(GIB, false)),
        "+1.0 GiB a day uploaded; full within a day"
    );
    assert_eq!(
        Forecast::NotSoon(by(0, false)).brief(),
        "nothing more uploaded in 9 days"
    );
    assert_eq!(
        Forecast::NotSoon(by(3, true)).brief(),
        "+3 B a day in use; not full within ten years"
    );
    assert_eq!(Forecast::Now.brief(), "full now");
    assert_eq!(Forecast::Now.sentence(), "the store's disk is full now");
    assert_eq!(Forecast::Unknown("why".into()).sentence(), "why");
}

proptest! {
    #[test]
    fn all_that_came_in_is_on_one_day(model in model(true), days in 0..4_usize, ahead in 0..400_000_i64) {
        let now = When::from_unix(10_300 + ahead);
        let growth = Growth::by_registration(&model.inventory(), now, days);
        let valid: Vec<usize> = (0..model.len()).filter(|i| model.valid(*i)).collect();
        let age = |i: &usize| ((now.unix() - model.items[*i].registered) / DAY).max(0) as usize;
        let of = |wanted: &dyn Fn(usize) -> bool| {
            model.bytes(&valid.iter().copied().filter(|i| wanted(age(i))).collect::<Vec<_>>())
        };
        prop_assert_eq!(growth.days.len(), days);
        for (back, bytes) in growth.days.iter().rev().enumerate() {
            prop_assert_eq!(*bytes, of(&|age| age == back));
        }
        prop_assert_eq!(growth.before, of(&|age| age >= days));
        let oldest = valid.iter().map(age).max();
        prop_assert_eq!(growth.spans as usize, oldest.map_or(0, |age| days.min(age + 1)));
        // The curve rises to all that is there.
        let sizes = growth.sizes();
        prop_assert!(sizes.is_sorted());
        prop_assert_eq!(sizes.len(), days);
        if let Some(now) = sizes.last() {
            prop_assert_eq!(*now, model.bytes(&valid));
        }
    }

    #[test]
    fn a_forecast_holds(bytes in prop::collection::vec(0..1_000_u64, 90), spans in 0..90_u32, available: u32) {
        let growth = Growth { days: bytes.clone(), before: 0, spans };
        let days = spans.min(30) as usize;
        match forecast(&[], Some(&growth), Some(Bytes(u64::from(available))), When::from_unix(NOW)) {
            Forecast::Now => prop_assert_eq!(available, 0),
            Forecast::Unknown(_) => prop_assert!(days < 3),
            Forecast::Full { days: until, by } => {
                prop_assert_eq!(by.a_day, bytes[90 - days..].iter().sum::<u64>() / days as u64);
                prop_assert!(until * by.a_day <= u64::from(available));
                prop_assert!((until + 1) * by.a_day > u64::from(available));
            }
            Forecast::NotSoon(by) => {
                prop_assert!(by.a_day.saturating_mul(3651) <= u64::from(available) || by.a_day == 0);
            }
        }
    }

    #[test]
    fn a_curve_shows_what_was_sampled(steps in prop::collection::vec((1..200_000_i64, 0..1_000_u64), 0..40), late in 0..9_000_000_i64) {
        let mut at = NOW - 4_000_000;
        let samples: Vec<Sample> = steps.iter().map(|(step, used)| {
            at += step;
            Sample { at: When::from_unix(at), used: *used }
        }).collect();
        let now = When::from_unix(at.max(NOW - 4_000_000) + late);
        if let Some(curve) = curve(&samples, None, now) {
            prop_assert!(curve.sampled);
            prop_assert!((4..=DAYS).contains(&curve.sizes.len()));
            prop_assert_eq!(curve.sizes.last().copied(), samples.last().map(|sample| sample.used));
            for (back, size) in curve.sizes.iter().rev().enumerate() {
                let end = now.unix() - back as i64 * DAY;
                let last = samples.iter().rfind(|sample| sample.at.unix() <= end);
                prop_assert_eq!(Some(*size), last.map(|sample| sample.used));
            }
        }
    }
}
