use super::*;

const SHAPE: Shape = Shape { context: 3, embed: 4, hidden: 11, vocab: 5 };
const WINDOWS: [[u8; 4]; 3] = [[0, 1, 2, 3], [4, 4, 1, 0], [2, 0, 3, 3]];

fn loss(model: &Model) -> f64 {
    let mut scratch = model.scratch();
    let mut unused = vec![0.0; SHAPE.params()];
    WINDOWS.iter().map(|w| f64::from(model.accumulate(w, &mut scratch, &mut unused))).sum()
}

#[test]
fn the_gradient_agrees_with_finite_differences_for_every_parameter() {
    let mut model = Model::fresh(SHAPE, 7);
    // A larger output layer than training starts with, so that every path carries a gradient worth comparing.
    let mut random = Random::new(&[3]);
    model.params_mut().iter_mut().for_each(|p| *p = *p * 2.0 + random.unit() - 0.5);
    let mut gradient = vec![0.0; SHAPE.params()];
    let mut scratch = model.scratch();
    for window in &WINDOWS {
        model.accumulate(window, &mut scratch, &mut gradient);
    }
    let nudge = 1e-2f32;
    let mut far = 0;
    for (index, expected) in gradient.iter().enumerate() {
        let at = |delta: f32| {
            let mut moved = model.clone();
            moved.params[index] += delta;
            loss(&moved)
        };
        let measured = (at(nudge) - at(-nudge)) / f64::from(2.0 * nudge);
        let error = (measured - f64::from(*expected)).abs();
        assert!(
            error < 1e-3 + 1e-2 * measured.abs(),
            "parameter {index}: backward says {expected}, differences say {measured}"
        );
        far += usize::from(measured.abs() > 1e-2);
    }
    assert!(far > SHAPE.params() / 2, "only {far} parameters had a gradient worth comparing");
}

#[test]
fn a_fresh_model_knows_nothing_and_depends_on_the_seed_alone() {
    let model = Model::fresh(SHAPE, 1);
    let mut scratch = model.scratch();
    let probs = model.predict(&[0, 1, 2], &mut scratch);
    assert!((probs.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    assert!(probs.iter().all(|p| (p - 0.2).abs() < 0.05), "{probs:?}");
    assert_eq!(model, Model::fresh(SHAPE, 1));
    assert_ne!(model, Model::fresh(SHAPE, 2));
    assert!(Model::from_params(SHAPE, vec![0.0; SHAPE.params() - 1]).is_none());
}

#[test]
fn the_inner_product_counts_the_tail() {
    let a: Vec<f32> = (1u8..=11).map(f32::from).collect();
    assert_eq!(dot(&a, &a), 506.0);
}
