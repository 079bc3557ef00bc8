//! A value over time in a bounded number of pieces. It must not know what the value is.

use holdfast_types::Time;

/// Pieces at most: more than a chart has points.
const MAX_PIECES: usize = 1_024;
/// How long a piece is at first, in milliseconds.
const FIRST_WIDTH: u64 = 3_600_000;

/// Means over equal pieces of time; the pieces get longer as time goes on.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    width: u64,
    /// The value times milliseconds, piece by piece.
    sums: Vec<u128>,
    end: Time,
}

impl Default for Series {
    fn default() -> Self {
        Self { width: FIRST_WIDTH, sums: Vec::new(), end: Time(0) }
    }
}

impl Series {
    /// The value from one instant to a later one.
    pub(crate) fn add(&mut self, from: Time, to: Time, value: u64) {
        if to <= from {
            return;
        }
        while self.piece(to.0 - 1) >= MAX_PIECES {
            self.widen();
        }
        self.end = self.end.max(to);
        self.sums.resize(self.sums.len().max(self.piece(to.0 - 1) + 1), 0);
        let mut at = from.0;
        while at < to.0 {
            let piece = self.piece(at);
            let until = (at / self.width + 1).saturating_mul(self.width).min(to.0);
            if let Some(sum) = self.sums.get_mut(piece) {
                *sum += u128::from(value) * u128::from(until - at);
            }
            at = until;
        }
    }

    /// How long a piece is, in milliseconds.
    pub(crate) fn width(&self) -> u64 {
        self.width
    }

    /// The mean of each piece, in thousandths of the value.
    pub(crate) fn means(&self) -> Vec<u64> {
        let long = |piece: usize| {
            let from = u64::try_from(piece).unwrap_or(u64::MAX).saturating_mul(self.width);
            self.end.0.saturating_sub(from).clamp(1, self.width)
        };
        let mean = |(piece, sum): (usize, &u128)| sum * 1_000 / u128::from(long(piece));
        self.sums.iter().enumerate().map(|piece| u64::try_from(mean(piece)).unwrap_or(u64::MAX)).collect()
    }

    fn piece(&self, at: u64) -> usize {
        usize::try_from(at / self.width).unwrap_or(usize::MAX)
    }

    fn widen(&mut self) {
        self.width = self.width.saturating_mul(2);
        self.sums = self.sums.chunks(2).map(|two| two.iter().sum()).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_stay_right_when_pieces_get_longer() {
        let mut series = Series::default();
        series.add(Time(0), Time(FIRST_WIDTH / 2), 8);
        assert_eq!(series.means(), [8_000]);
        series.add(Time(FIRST_WIDTH / 2), Time(2 * FIRST_WIDTH), 2);
        assert_eq!(series.means(), [5_000, 2_000]);
        series.add(Time(2 * FIRST_WIDTH), Time(3_000 * FIRST_WIDTH), 1);
        let means = series.means();
        assert_eq!((series.width(), means.len()), (4 * FIRST_WIDTH, 750));
        assert_eq!((means[0], means[749]), (2_250, 1_000));
    }
}
