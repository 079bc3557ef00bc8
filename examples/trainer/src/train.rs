//! The run: join the gang, find the state to begin with, take the steps, leave checkpoints and the finished model.

use std::fmt;
use std::io::{self, Write};
use std::time::Instant;

use crate::adam::Adam;
use crate::checkpoint::{self, CheckpointError, MAX_STATE, State, json_number};
use crate::data::{self, DataError, ShardPlan};
use crate::gang::{self, Gang, GangError, pause};
use crate::model::{Model, Random, Scratch, Shape};
use crate::options::Options;
use crate::wire::{checksum, json_string, put_floats};

#[cfg(test)]
mod tests;

const CONTEXT: usize = 16;
const EMBED: usize = 16;
const HIDDEN: usize = 160;
const SAMPLE_CHARS: usize = 200;
/// Below 1 the model prefers what it is sure of; a sample reads better so.
const SAMPLE_TEMPERATURE: f32 = 0.6;

/// Why a run did not finish.
#[derive(Debug)]
pub(crate) enum TrainError {
    /// The dataset.
    Data(DataError),
    /// A checkpoint or the finished model.
    Checkpoint(CheckpointError),
    /// The gang.
    Gang(GangError),
    /// The state rank 0 sent.
    State(&'static str),
    /// The loss is no number any more.
    NotFinite {
        /// In which step.
        step: u64,
    },
    /// Stdout.
    Print(io::Error),
}

impl TrainError {
    /// Whether starting the whole gang again can help.
    pub(crate) fn is_restartable(&self) -> bool {
        matches!(self, Self::Gang(error) if error.is_restartable())
    }
}

impl fmt::Display for TrainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(error) => error.fmt(f),
            Self::Checkpoint(error) => error.fmt(f),
            Self::Gang(error) => error.fmt(f),
            Self::State(why) => write!(f, "the state rank 0 sent cannot be used: {why}"),
            Self::NotFinite { step } => {
                write!(f, "the loss is not a number any more in step {step}; try a lower --lr")
            }
            Self::Print(error) => write!(f, "print to stdout: {error}"),
        }
    }
}

impl From<DataError> for TrainError {
    fn from(error: DataError) -> Self {
        Self::Data(error)
    }
}

impl From<CheckpointError> for TrainError {
    fn from(error: CheckpointError) -> Self {
        Self::Checkpoint(error)
    }
}

impl From<GangError> for TrainError {
    fn from(error: GangError) -> Self {
        Self::Gang(error)
    }
}

impl From<io::Error> for TrainError {
    fn from(error: io::Error) -> Self {
        Self::Print(error)
    }
}

/// Runs this rank from start to finish.
pub(crate) fn run(options: &Options, out: &mut dyn Write) -> Result<State, TrainError> {
    let corpus = data::read_corpus(&options.data)?;
    let fingerprint = options.fingerprint(&corpus);
    let gang = match (options.rank, options.world) {
        (_, 1) => Gang::alone(),
        (0, world) => Gang::lead(&gang::listen(&options.master)?, world, fingerprint, gang::JOIN_TIMEOUT)?,
        (rank, world) => Gang::follow(&options.master, rank, world, fingerprint, gang::JOIN_TIMEOUT)?,
    };
    train(options, &corpus, gang, out)
}

/// Trains as a member of a gang that has formed.
pub(crate) fn train(
    options: &Options,
    corpus: &[u8],
    mut gang: Gang,
    out: &mut dyn Write,
) -> Result<State, TrainError> {
    let mut state = agree_on_state(options, corpus, &mut gang)?;
    let tokens = data::tokens(corpus, &state.vocab);
    data::check_length(&options.data, &tokens, state.model.shape().context + 1)?;
    announce(&state, &gang, corpus.len() - tokens.len(), out)?;
    let mut step = Step::new(options, &tokens, &state);
    let (mut since, mut logged) = (Instant::now(), state.step);
    while state.step < options.steps {
        step.take(&mut state, &mut gang)?;
        let (now, last) = (state.step, state.step == options.steps);
        if now == 1 || now.is_multiple_of(options.log_every) || last {
            let predicted = (now - logged) as f64 * options.batch as f64;
            let speed = predicted / since.elapsed().as_secs_f64().max(1e-9);
            writeln!(out, "step={now} loss={:.4} tokens_per_s={speed:.0}", state.last_loss)?;
            (since, logged) = (Instant::now(), now);
        }
        if last || (options.checkpoint_every > 0 && now.is_multiple_of(options.checkpoint_every)) {
            gang.agree(now, hash(&state))?;
            if gang.rank() == 0 && options.checkpoint_every > 0 {
                let path = checkpoint::save(&options.checkpoint_dir, &state, gang.world())?;
                writeln!(out, "checkpoint step={now} path={}", path.display())?;
            }
        }
        if !last && !options.step_delay.is_zero() {
            pause(options.step_delay);
        }
    }
    finish(options, &state, &tokens, &gang, out)?;
    Ok(state)
}

/// Every rank looks for a state of its own, so that a damaged one is found wherever it is; that of rank 0 is used.
fn agree_on_state(options: &Options, corpus: &[u8], gang: &mut Gang) -> Result<State, TrainError> {
    let found = options.resume_dir.as_deref().map(checkpoint::latest).transpose()?.flatten();
    let state = match (found, &options.init) {
        (Some(path), _) => checkpoint::load(&path)?,
        (None, Some(path)) => {
            let State { model, vocab, .. } = checkpoint::load(path)?;
            State::fresh(model, vocab)
        }
        (None, None) => {
            let vocab = data::vocabulary(corpus);
            data::check_length(&options.data, corpus, CONTEXT + 1)?;
            let shape = Shape { context: CONTEXT, embed: EMBED, hidden: HIDDEN, vocab: vocab.len() };
            State::fresh(Model::fresh(shape, options.seed), vocab)
        }
    };
    let mut bytes = if gang.rank() == 0 { state.encode() } else { Vec::new() };
    gang.broadcast(&mut bytes, MAX_STATE)?;
    if gang.rank() == 0 { Ok(state) } else { State::decode(&bytes).map_err(TrainError::State) }
}

impl State {
    /// The state before the first step.
    fn fresh(model: Model, vocab: Vec<u8>) -> Self {
        let adam = Adam::fresh(model.params().len());
        Self { step: 0, first_loss: f64::NAN, last_loss: f64::NAN, vocab, model, adam }
    }
}

fn announce(state: &State, gang: &Gang, left_out: usize, out: &mut dyn Write) -> io::Result<()> {
    let (rank, world, vocab) = (gang.rank(), gang.world(), state.vocab.len());
    let params = state.model.params().len();
    writeln!(out, "start rank={rank} world={world} vocab={vocab} params={params} from_step={}", state.step)?;
    if state.step > 0 {
        writeln!(out, "resumed from step {}", state.step)?;
    }
    if left_out > 0 {
        writeln!(out, "note {left_out} bytes of the dataset are not in the vocabulary and are left out")?;
    }
    Ok(())
}

/// What a step needs and keeps from one to the next.
struct Step<'a> {
    options: &'a Options,
    tokens: &'a [u8],
    scratch: Scratch,
    /// The gradient, and behind it the loss, so that both travel together.
    sums: Vec<f32>,
}

impl<'a> Step<'a> {
    fn new(options: &'a Options, tokens: &'a [u8], state: &State) -> Self {
        let sums = vec![0.0; state.model.params().len() + 1];
        Self { options, tokens, scratch: state.model.scratch(), sums }
    }

    /// One step: this rank's shard, the sum over all ranks, one update.
    fn take(&mut self, state: &mut State, gang: &mut Gang) -> Result<(), TrainError> {
        let Options { seed, batch, rate, .. } = *self.options;
        let step = state.step + 1;
        self.sums.fill(0.0);
        let plan = ShardPlan { seed, step, rank: gang.rank(), world: gang.world(), batch };
        let (gradient, loss) = self.sums.split_at_mut(state.model.params().len());
        for window in data::shard(plan, self.tokens, state.model.shape().context + 1) {
            let added = state.model.accumulate(window, &mut self.scratch, gradient);
            loss.iter_mut().for_each(|sum| *sum += added);
        }
        gang.sum(step, &mut self.sums)?;
        let share = 1.0 / batch as f32;
        self.sums.iter_mut().for_each(|sum| *sum *= share);
        let (gradient, loss) = self.sums.split_at(state.model.params().len());
        let loss = loss.iter().copied().map(f64::from).sum::<f64>();
        if !loss.is_finite() {
            return Err(TrainError::NotFinite { step });
        }
        state.adam.update(state.model.params_mut(), gradient, step, rate);
        state.step = step;
        state.last_loss = loss;
        if state.first_loss.is_nan() {
            state.first_loss = loss;
        }
        Ok(())
    }
}

fn hash(state: &State) -> u64 {
    let mut bytes = Vec::with_capacity(state.model.params().len() * 4);
    put_floats(&mut bytes, state.model.params());
    checksum(&bytes)
}

fn finish(
    options: &Options,
    state: &State,
    tokens: &[u8],
    gang: &Gang,
    out: &mut dyn Write,
) -> Result<(), TrainError> {
    if gang.rank() == 0 {
        let sample = sample(state, tokens, options.seed);
        let shape = state.model.shape();
        let json = format!(
            "{{\n  \"steps\": {},\n  \"first_loss\": {},\n  \"last_loss\": {},\n  \"vocab\": {},\n  \
             \"params\": {},\n  \"context\": {},\n  \"sample\": {}\n}}\n",
            state.step,
            json_number(state.first_loss),
            json_number(state.last_loss),
            shape.vocab,
            shape.params(),
            shape.context,
            json_string(&sample)
        );
        checkpoint::replace_file(&options.output_dir, "model.bin", &state.encode())?;
        checkpoint::replace_file(&options.output_dir, "model.json", json.as_bytes())?;
        writeln!(out, "sample {}", json_string(&sample))?;
    }
    let State { step, first_loss, last_loss, .. } = state;
    writeln!(out, "done step={step} first_loss={first_loss:.4} last_loss={last_loss:.4}")?;
    out.flush()?;
    Ok(())
}

/// Text the model writes by itself, begun in the middle of the corpus: many begin with a title or a licence.
fn sample(state: &State, tokens: &[u8], seed: u64) -> String {
    let context = state.model.shape().context;
    let mut text: Vec<u8> =
        tokens.iter().copied().skip((tokens.len() - context.min(tokens.len())) / 2).take(context).collect();
    let mut random = Random::new(&[seed, 0x7361_6d70_6c65]);
    let mut scratch = state.model.scratch();
    for written in 0..SAMPLE_CHARS {
        let probs = state.model.predict(text.get(written..).unwrap_or_default(), &mut scratch);
        let sharpened: Vec<f32> = probs.iter().map(|p| p.powf(1.0 / SAMPLE_TEMPERATURE)).collect();
        let mut left = random.unit() * sharpened.iter().sum::<f32>();
        let chosen = sharpened.iter().position(|p| {
            left -= p;
            left <= 0.0
        });
        text.push(chosen.and_then(|token| u8::try_from(token).ok()).unwrap_or(0));
    }
    let bytes = text.iter().skip(context).filter_map(|t| state.vocab.get(usize::from(*t)).copied());
    String::from_utf8_lossy(&bytes.collect::<Vec<u8>>()).into_owned()
}
