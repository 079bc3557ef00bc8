//! Accelerators as a job asks for them and as a node has them.

use std::fmt;

use crate::quantity::Bytes;
use crate::text::serde_by_text;

/// The class of an accelerator: who made it decides which program runs on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceClass {
    /// NVIDIA GPU.
    Nvidia,
    /// AMD GPU.
    Amd,
    /// Intel GPU or Gaudi.
    Intel,
    /// Huawei Ascend and other neural processors.
    Npu,
    /// Google TPU.
    Tpu,
    /// Programmable logic.
    Fpga,
}

impl DeviceClass {
    /// Every class.
    pub const ALL: [DeviceClass; 6] =
        [Self::Nvidia, Self::Amd, Self::Intel, Self::Npu, Self::Tpu, Self::Fpga];

    /// The class as a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nvidia => "nvidia",
            Self::Amd => "amd",
            Self::Intel => "intel",
            Self::Npu => "npu",
            Self::Tpu => "tpu",
            Self::Fpga => "fpga",
        }
    }
}

impl fmt::Display for DeviceClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is not a class of accelerator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a class of accelerator: use nvidia, amd, intel, npu, tpu or fpga")]
pub struct DeviceClassError(String);

impl std::str::FromStr for DeviceClass {
    type Err = DeviceClassError;

    fn from_str(text: &str) -> Result<Self, DeviceClassError> {
        Self::ALL.into_iter().find(|c| c.as_str() == text).ok_or_else(|| DeviceClassError(text.to_owned()))
    }
}

/// A number format a job computes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precision {
    /// IEEE 754 binary32.
    Fp32,
    /// NVIDIA's 19-bit format.
    Tf32,
    /// bfloat16.
    Bf16,
    /// IEEE 754 binary16.
    Fp16,
    /// 8-bit floating point (E4M3 or E5M2).
    Fp8,
    /// 8-bit integers.
    Int8,
    /// 4-bit integers.
    Int4,
}

impl Precision {
    /// Every format.
    pub const ALL: [Precision; 7] =
        [Self::Fp32, Self::Tf32, Self::Bf16, Self::Fp16, Self::Fp8, Self::Int8, Self::Int4];

    /// The format as a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
            Self::Fp16 => "fp16",
            Self::Fp8 => "fp8",
            Self::Int8 => "int8",
            Self::Int4 => "int4",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is not a number format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a precision: use fp32, tf32, bf16, fp16, fp8, int8 or int4")]
pub struct PrecisionError(String);

impl std::str::FromStr for Precision {
    type Err = PrecisionError;

    fn from_str(text: &str) -> Result<Self, PrecisionError> {
        Self::ALL.into_iter().find(|p| p.as_str() == text).ok_or_else(|| PrecisionError(text.to_owned()))
    }
}

/// A part of one accelerator, in thousandths of it: at least one, and less than all. Text form: `250m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceShare(u32);

/// The thousandths of a whole accelerator.
const WHOLE: u32 = 1_000;

impl DeviceShare {
    /// So many thousandths; `None` where that is nothing, or a whole accelerator or more.
    #[must_use]
    pub fn new(thousandths: u32) -> Option<Self> {
        (thousandths > 0 && thousandths < WHOLE).then_some(Self(thousandths))
    }

    /// How many thousandths.
    #[must_use]
    pub fn thousandths(self) -> u32 {
        self.0
    }

    /// The same part of an accelerator's memory.
    #[must_use]
    pub fn of_memory(self, all: Bytes) -> Bytes {
        let part = u128::from(all.0) * u128::from(self.0) / u128::from(WHOLE);
        Bytes(u64::try_from(part).unwrap_or(all.0))
    }
}

impl fmt::Display for DeviceShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}m", self.0)
    }
}

/// Why a text is not a part of an accelerator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a part of an accelerator: write thousandths from `1m` to `999m`, such as `250m`")]
pub struct DeviceShareError(String);

impl std::str::FromStr for DeviceShare {
    type Err = DeviceShareError;

    fn from_str(text: &str) -> Result<Self, DeviceShareError> {
        const SHOWN: usize = 40;
        let thousandths = text.strip_suffix('m').and_then(|number| number.parse().ok());
        let error = || DeviceShareError(text.chars().take(SHOWN).collect());
        thousandths.and_then(Self::new).ok_or_else(error)
    }
}

serde_by_text!(DeviceClass, Precision, DeviceShare);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_more_than_nothing_and_less_than_one() {
        for (text, thousandths) in [("1m", 1), ("250m", 250), ("999m", 999)] {
            let share: DeviceShare = text.parse().unwrap();
            assert_eq!((share.thousandths(), share.to_string().as_str()), (thousandths, text));
        }
        for bad in ["", "0m", "1000m", "4000000000m", "0.25", "250", "-1m", "25%", " 250m"] {
            assert!(bad.parse::<DeviceShare>().is_err(), "{bad}");
        }
        let share = DeviceShare::new(333).unwrap();
        assert_eq!(share.of_memory(Bytes(1_000)), Bytes(333));
        assert_eq!(share.of_memory(Bytes(80 << 30)), Bytes((80_u64 << 30) * 333 / 1_000));
        assert!(share.of_memory(Bytes(u64::MAX)) < Bytes(u64::MAX));
    }
}
