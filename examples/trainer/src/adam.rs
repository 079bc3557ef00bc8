//! Adam: one update of the parameters from an averaged gradient.
//!
//! Every rank runs the same update on the same bytes, so parameters stay equal without ever being sent.

const MEAN_DECAY: f32 = 0.9;
const SQUARE_DECAY: f32 = 0.99;
const TINY: f32 = 1e-8;

/// The moments of the gradient, one of each per parameter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Adam {
    /// The running mean.
    pub(crate) mean: Vec<f32>,
    /// The running mean of squares.
    pub(crate) square: Vec<f32>,
}

impl Adam {
    /// Moments before the first step.
    pub(crate) fn fresh(params: usize) -> Self {
        Self { mean: vec![0.0; params], square: vec![0.0; params] }
    }

    /// Moves `params` against `gradient`. `step` counts from 1 and corrects the bias of the young moments.
    pub(crate) fn update(&mut self, params: &mut [f32], gradient: &[f32], step: u64, rate: f32) {
        let exponent = i32::try_from(step).unwrap_or(i32::MAX);
        let mean_bias = 1.0 - MEAN_DECAY.powi(exponent);
        let square_bias = 1.0 - SQUARE_DECAY.powi(exponent);
        let moments = self.mean.iter_mut().zip(&mut self.square);
        for ((param, slope), (mean, square)) in params.iter_mut().zip(gradient).zip(moments) {
            *mean = MEAN_DECAY * *mean + (1.0 - MEAN_DECAY) * slope;
            *square = SQUARE_DECAY * *square + (1.0 - SQUARE_DECAY) * slope * slope;
            *param -= rate * (*mean / mean_bias) / ((*square / square_bias).sqrt() + TINY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_moves_by_the_rate_and_the_minimum_is_found() {
        let mut params = vec![5.0f32, -3.0];
        let mut adam = Adam::fresh(2);
        adam.update(&mut params, &[10.0, -0.001], 1, 0.1);
        assert!((params[0] - 4.9).abs() < 1e-4 && (params[1] + 2.9).abs() < 1e-3, "{params:?}");
        for step in 2..400 {
            let gradient: Vec<f32> = params.iter().map(|p| 2.0 * (p - 1.0)).collect();
            adam.update(&mut params, &gradient, step, 0.1);
        }
        assert!(params.iter().all(|p| (p - 1.0).abs() < 0.05), "{params:?}");
    }
}
