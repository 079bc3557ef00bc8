//! The model: the last bytes as embeddings, one hidden tanh layer, a softmax over the next byte; forward and backward.
//!
//! Every parameter lives in one flat vector, so that reducing, hashing and storing are each one loop. This module must
//! not know where text comes from, who else trains or how parameters are updated.

#[cfg(test)]
mod tests;

/// The dimensions of a model. Together with the parameters they are the whole model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// How many preceding bytes the model sees.
    pub(crate) context: usize,
    /// The width of an embedding.
    pub(crate) embed: usize,
    /// The width of the hidden layer.
    pub(crate) hidden: usize,
    /// How many distinct bytes the corpus has.
    pub(crate) vocab: usize,
}

impl Shape {
    /// The width of the input layer.
    pub(crate) fn input(&self) -> usize {
        self.context * self.embed
    }

    /// How many parameters a model of this shape has.
    pub(crate) fn params(&self) -> usize {
        self.vocab * self.embed + (self.input() + 1) * self.hidden + (self.hidden + 1) * self.vocab
    }
}

/// The five parts of a flat vector of parameters or of gradients. Matrices are stored one row per input, so that the
/// inner loops run over contiguous outputs.
struct Parts<T> {
    embed: T,
    hidden_weights: T,
    hidden_bias: T,
    out_weights: T,
    out_bias: T,
}

fn parts(shape: Shape, flat: &[f32]) -> Parts<&[f32]> {
    let (embed, rest) = flat.split_at(shape.vocab * shape.embed);
    let (hidden_weights, rest) = rest.split_at(shape.input() * shape.hidden);
    let (hidden_bias, rest) = rest.split_at(shape.hidden);
    let (out_weights, out_bias) = rest.split_at(shape.hidden * shape.vocab);
    Parts { embed, hidden_weights, hidden_bias, out_weights, out_bias }
}

fn parts_mut(shape: Shape, flat: &mut [f32]) -> Parts<&mut [f32]> {
    let (embed, rest) = flat.split_at_mut(shape.vocab * shape.embed);
    let (hidden_weights, rest) = rest.split_at_mut(shape.input() * shape.hidden);
    let (hidden_bias, rest) = rest.split_at_mut(shape.hidden);
    let (out_weights, out_bias) = rest.split_at_mut(shape.hidden * shape.vocab);
    Parts { embed, hidden_weights, hidden_bias, out_weights, out_bias }
}

/// A model: its shape and as many parameters as the shape says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Model {
    shape: Shape,
    params: Vec<f32>,
}

/// The activations of one position, kept between positions so that a step allocates nothing.
#[derive(Debug)]
pub(crate) struct Scratch {
    input: Vec<f32>,
    hidden: Vec<f32>,
    /// Probabilities after a forward pass; their gradient during a backward pass.
    probs: Vec<f32>,
    hidden_gradient: Vec<f32>,
}

impl Model {
    /// A fresh model; the seed decides every parameter.
    pub(crate) fn fresh(shape: Shape, seed: u64) -> Self {
        let mut random = Random::new(&[seed, 0x6d6f_6465_6c00]);
        let mut params = vec![0.0; shape.params()];
        let parts = parts_mut(shape, &mut params);
        for (part, scale) in [
            (parts.embed, 1.0),
            (parts.hidden_weights, (3.0 / shape.input() as f32).sqrt()),
            // A small output layer makes the first loss the logarithm of the vocabulary.
            (parts.out_weights, 0.1 / (shape.hidden as f32).sqrt()),
        ] {
            part.fill_with(|| (random.unit() * 2.0 - 1.0) * scale);
        }
        Self { shape, params }
    }

    /// The model with these parameters; `None` where their number does not fit the shape.
    pub(crate) fn from_params(shape: Shape, params: Vec<f32>) -> Option<Self> {
        (params.len() == shape.params()).then_some(Self { shape, params })
    }

    /// The dimensions.
    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// The parameters, flat.
    pub(crate) fn params(&self) -> &[f32] {
        &self.params
    }

    /// The parameters, for the optimiser. Their number stays as it is.
    pub(crate) fn params_mut(&mut self) -> &mut [f32] {
        &mut self.params
    }

    /// Room for the activations of one position.
    pub(crate) fn scratch(&self) -> Scratch {
        Scratch {
            input: vec![0.0; self.shape.input()],
            hidden: vec![0.0; self.shape.hidden],
            probs: vec![0.0; self.shape.vocab],
            hidden_gradient: vec![0.0; self.shape.hidden],
        }
    }

    /// The probability of every next token after `context`.
    pub(crate) fn predict<'s>(&self, context: &[u8], scratch: &'s mut Scratch) -> &'s [f32] {
        self.forward(context, scratch);
        &scratch.probs
    }

    /// Adds the gradient of the loss at one window (a context and the token that follows it) to `gradient`, and
    /// returns the loss, the negative logarithm of the probability given to the token that came.
    pub(crate) fn accumulate(&self, window: &[u8], scratch: &mut Scratch, gradient: &mut [f32]) -> f32 {
        let Some((target, context)) = window.split_last() else { return 0.0 };
        self.forward(context, scratch);
        let Some(given) = scratch.probs.get_mut(usize::from(*target)) else { return 0.0 };
        let loss = -given.max(f32::MIN_POSITIVE).ln();
        *given -= 1.0;
        self.backward(context, scratch, gradient);
        loss
    }

    fn forward(&self, context: &[u8], scratch: &mut Scratch) {
        let parts = parts(self.shape, &self.params);
        for (slot, token) in scratch.input.chunks_exact_mut(self.shape.embed).zip(context) {
            if let Some(row) = parts.embed.chunks_exact(self.shape.embed).nth(usize::from(*token)) {
                slot.copy_from_slice(row);
            }
        }
        scratch.hidden.copy_from_slice(parts.hidden_bias);
        for (x, row) in scratch.input.iter().zip(parts.hidden_weights.chunks_exact(self.shape.hidden)) {
            add_scaled(*x, row, &mut scratch.hidden);
        }
        scratch.hidden.iter_mut().for_each(|h| *h = h.tanh());
        scratch.probs.copy_from_slice(parts.out_bias);
        for (h, row) in scratch.hidden.iter().zip(parts.out_weights.chunks_exact(self.shape.vocab)) {
            add_scaled(*h, row, &mut scratch.probs);
        }
        softmax(&mut scratch.probs);
    }

    /// The chain rule from the output back to the embeddings; `scratch.probs` holds the gradient of the logits.
    fn backward(&self, context: &[u8], scratch: &mut Scratch, gradient: &mut [f32]) {
        let Shape { embed, hidden, vocab, .. } = self.shape;
        let weights = parts(self.shape, &self.params);
        let slopes = parts_mut(self.shape, gradient);
        add_scaled(1.0, &scratch.probs, slopes.out_bias);
        let rows = weights.out_weights.chunks_exact(vocab).zip(slopes.out_weights.chunks_exact_mut(vocab));
        for ((row, slope), (h, back)) in rows.zip(scratch.hidden.iter().zip(&mut scratch.hidden_gradient)) {
            add_scaled(*h, &scratch.probs, slope);
            *back = dot(row, &scratch.probs) * (1.0 - h * h);
        }
        add_scaled(1.0, &scratch.hidden_gradient, slopes.hidden_bias);
        let rows =
            weights.hidden_weights.chunks_exact(hidden).zip(slopes.hidden_weights.chunks_exact_mut(hidden));
        for ((row, slope), x) in rows.zip(&mut scratch.input) {
            add_scaled(*x, &scratch.hidden_gradient, slope);
            *x = dot(row, &scratch.hidden_gradient);
        }
        for (slot, token) in scratch.input.chunks_exact(embed).zip(context) {
            if let Some(slope) = slopes.embed.chunks_exact_mut(embed).nth(usize::from(*token)) {
                add_scaled(1.0, slot, slope);
            }
        }
    }
}

/// `to += factor * from`.
fn add_scaled(factor: f32, from: &[f32], to: &mut [f32]) {
    for (t, f) in to.iter_mut().zip(from) {
        *t += factor * f;
    }
}

/// The inner product, in eight lanes: a single running sum would forbid the compiler to use vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let tail: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (xs, ys) in a_chunks.zip(b_chunks) {
        for (lane, (x, y)) in lanes.iter_mut().zip(xs.iter().zip(ys)) {
            *lane += x * y;
        }
    }
    lanes.iter().sum::<f32>() + tail
}

fn softmax(values: &mut [f32]) {
    let highest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for value in values.iter_mut() {
        *value = (*value - highest).exp();
        sum += *value;
    }
    values.iter_mut().for_each(|v| *v /= sum);
}

/// Random numbers that depend on nothing but their seeds (splitmix64), so that every rank can compute its own shard.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// A stream named by all of `seeds`.
    pub(crate) fn new(seeds: &[u64]) -> Self {
        let mut state = Self(0x9e37_79b9_7f4a_7c15);
        for seed in seeds {
            state.0 ^= *seed;
            state.0 = state.next();
        }
        state
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `[0, 1)` with 24 random bits.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / 16_777_216.0
    }

    /// A number below `bound`; the bias of the remainder is below 2^-32 for any corpus that fits in memory.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }
}
