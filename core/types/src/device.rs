//! Accelerators as a job asks for them and as a node has them.

use std::fmt;

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

serde_by_text!(DeviceClass, Precision);
