//! What a run is told: flags by the person who submits it, environment by the platform.

use std::path::PathBuf;
use std::time::Duration;

use crate::wire::checksum;

/// What `--help` prints.
pub(crate) const USAGE: &str = "\
holdfast-trainer [--steps N] [--checkpoint-every N] [--batch N] [--seed N] [--lr X] [--data DIR]
                 [--init FILE] [--log-every N] [--step-delay-ms N] [--alone BOOL]

Trains a character-level language model on every file below the dataset, one shard of each batch per rank.

  --steps N             train until this step                                      (200)
  --checkpoint-every N  write a checkpoint every N steps, 0 for none                (50)
  --batch N             windows per step over all ranks                           (3072)
  --seed N              decides parameters and shards                                (1)
  --lr X                learning rate                                            (0.004)
  --data DIR            the dataset                            (HOLDFAST_DATA, or /data)
  --init FILE           start from the parameters and vocabulary of this model.bin
  --log-every N         print a line every N steps                                  (10)
  --step-delay-ms N     wait after every step, to make a demonstration watchable     (0)
  --alone BOOL          each task for itself, as a replica of a service is       (false)

environment: RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT (one rank alone where absent),
HOLDFAST_CHECKPOINT_DIR (/checkpoint), HOLDFAST_OUTPUT_DIR (/output), HOLDFAST_RESUME_DIR (none)
exit status: 0 done, 1 failed, 2 usage, 75 a peer was lost: start the gang again";

const MAX_WORLD: u32 = 1024;
const MAX_BATCH: usize = 1 << 20;
const MAX_STEP_DELAY_MS: u64 = 10_000;

/// Everything a run is told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Options {
    /// Train until this step.
    pub(crate) steps: u64,
    /// Steps between checkpoints; 0 for none.
    pub(crate) checkpoint_every: u64,
    /// Windows per step over all ranks.
    pub(crate) batch: usize,
    /// Decides parameters and shards.
    pub(crate) seed: u64,
    /// Learning rate.
    pub(crate) rate: f32,
    /// Steps between lines on stdout.
    pub(crate) log_every: u64,
    /// Wait after every step.
    pub(crate) step_delay: Duration,
    /// The dataset.
    pub(crate) data: PathBuf,
    /// A model to start from.
    pub(crate) init: Option<PathBuf>,
    /// Where checkpoints go.
    pub(crate) checkpoint_dir: PathBuf,
    /// Where the finished model goes.
    pub(crate) output_dir: PathBuf,
    /// Where checkpoints to resume from may be.
    pub(crate) resume_dir: Option<PathBuf>,
    /// This rank.
    pub(crate) rank: u32,
    /// How many ranks there are.
    pub(crate) world: u32,
    /// Where rank 0 listens, `host:port`.
    pub(crate) master: String,
}

impl Options {
    /// Reads flags (without the program's name) and environment; the text of an error says which one is wrong.
    pub(crate) fn parse(
        args: impl Iterator<Item = String>,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let mut options = Self::from_environment(&env)?;
        let mut args = args;
        while let Some(arg) = args.next() {
            let (flag, value) = match arg.split_once('=') {
                Some((flag, value)) => (flag.to_owned(), Some(value.to_owned())),
                None => (arg, None),
            };
            let value = value.or_else(|| args.next()).ok_or_else(|| format!("`{flag}` needs a value"))?;
            options.set(&flag, &value)?;
        }
        options.check()?;
        Ok(options)
    }

    fn from_environment(env: &impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let path =
            |name: &str, fallback: &str| PathBuf::from(env(name).unwrap_or_else(|| fallback.to_owned()));
        let number = |name: &str, fallback: u32| env(name).map_or(Ok(fallback), |text| parsed(name, &text));
        let host = env("MASTER_ADDR").unwrap_or_else(|| "127.0.0.1".to_owned());
        let port: u16 = env("MASTER_PORT").map_or(Ok(29_500), |text| parsed("MASTER_PORT", &text))?;
        let is_bare_v6 = host.contains(':') && !host.starts_with('[');
        Ok(Self {
            steps: 200,
            checkpoint_every: 50,
            batch: 3072,
            seed: 1,
            rate: 0.004,
            log_every: 10,
            step_delay: Duration::ZERO,
            data: path("HOLDFAST_DATA", "/data"),
            init: None,
            checkpoint_dir: path("HOLDFAST_CHECKPOINT_DIR", "/checkpoint"),
            output_dir: path("HOLDFAST_OUTPUT_DIR", "/output"),
            resume_dir: env("HOLDFAST_RESUME_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from),
            rank: number("RANK", 0)?,
            world: number("WORLD_SIZE", 1)?,
            master: if is_bare_v6 { format!("[{host}]:{port}") } else { format!("{host}:{port}") },
        })
    }

    fn set(&mut self, flag: &str, value: &str) -> Result<(), String> {
        match flag {
            "--steps" => self.steps = parsed(flag, value)?,
            "--checkpoint-every" => self.checkpoint_every = parsed(flag, value)?,
            "--batch" => self.batch = parsed(flag, value)?,
            "--seed" => self.seed = parsed(flag, value)?,
            "--lr" => self.rate = parsed(flag, value)?,
            "--log-every" => self.log_every = parsed(flag, value)?,
            "--step-delay-ms" => self.step_delay = Duration::from_millis(parsed(flag, value)?),
            "--alone" if parsed(flag, value)? => (self.rank, self.world) = (0, 1),
            "--alone" => {}
            "--data" => self.data = value.into(),
            "--init" => self.init = Some(value.into()),
            other => return Err(format!("there is no flag `{other}`; --help lists those there are")),
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        let world = usize::try_from(self.world).unwrap_or(usize::MAX);
        let rules = [
            ((1..=MAX_WORLD).contains(&self.world), format!("WORLD_SIZE must be from 1 to {MAX_WORLD}")),
            (self.rank < self.world, format!("RANK {} must be below WORLD_SIZE {}", self.rank, self.world)),
            (
                (world..=MAX_BATCH).contains(&self.batch),
                format!("--batch must be from WORLD_SIZE, here {world}, to {MAX_BATCH}"),
            ),
            (self.steps > 0, "--steps must be at least 1".to_owned()),
            (self.log_every > 0, "--log-every must be at least 1".to_owned()),
            (self.rate > 0.0 && self.rate <= 1.0, "--lr must be above 0 and at most 1".to_owned()),
            (
                self.step_delay <= Duration::from_millis(MAX_STEP_DELAY_MS),
                format!("--step-delay-ms must be at most {MAX_STEP_DELAY_MS}"),
            ),
        ];
        rules.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, rule)| Err(rule))
    }

    /// What all ranks must have in common, as one number.
    pub(crate) fn fingerprint(&self, corpus: &[u8]) -> u64 {
        let Self { steps, checkpoint_every, batch, seed, rate, .. } = self;
        let corpus = checksum(corpus);
        checksum(format!("{steps} {checkpoint_every} {batch} {seed} {rate} {corpus}").as_bytes())
    }
}

fn parsed<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, String> {
    text.trim().parse().map_err(|_| format!("`{name}` cannot be `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &str, env: &[(&str, &str)]) -> Result<Options, String> {
        let lookup = |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        Options::parse(args.split_whitespace().map(str::to_owned), lookup)
    }

    #[test]
    fn flags_and_environment_are_read_and_wrong_ones_are_named() {
        let gang = [("RANK", "1"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "::1"), ("MASTER_PORT", "4000")];
        let options = parse("--steps 30 --lr=0.5 --data /d", &gang).unwrap();
        assert_eq!((options.steps, options.rate, options.rank, options.world), (30, 0.5, 1, 2));
        assert_eq!((options.master.as_str(), options.data), ("[::1]:4000", "/d".into()));
        let alone = parse("--alone true", &gang).unwrap();
        assert_eq!((alone.rank, alone.world), (0, 1));
        assert_eq!(parse("--alone false", &gang).unwrap().world, 2);
        assert_eq!(parse("", &[]).unwrap().output_dir, PathBuf::from("/output"));
        for (args, env, expected) in [
            ("--stps 3", vec![], "there is no flag `--stps`; --help lists those there are"),
            ("--steps", vec![], "`--steps` needs a value"),
            ("--steps many", vec![], "`--steps` cannot be `many`"),
            ("--batch 0", vec![], "--batch must be from WORLD_SIZE, here 1, to 1048576"),
            ("--lr NaN", vec![], "--lr must be above 0 and at most 1"),
            ("", vec![("RANK", "2"), ("WORLD_SIZE", "2")], "RANK 2 must be below WORLD_SIZE 2"),
            ("", vec![("MASTER_PORT", "99999")], "`MASTER_PORT` cannot be `99999`"),
        ] {
            assert_eq!(parse(args, &env).unwrap_err(), expected);
        }
    }
}
