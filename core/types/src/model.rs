//! Which number formats a model of accelerator computes in, and how much it draws. It must not know who asks, nor how fast it is.

use crate::device::{DeviceClass, Precision};

use Precision::{Bf16, Fp8, Fp16, Fp32, Int4, Int8, Tf32};

/// A class, a word of the name of a model, the formats that its matrix units have, or its vector units where those are fp32, and the most
/// watts that it draws in the form that draws most. Of two
/// words in a name the first in this list counts. From the data sheets of NVIDIA (V100, T4, A2 to A100, L4 to L40S, H100, H200, H20, B200,
/// B300), AMD (MI100 to MI355X), Intel (Max, Gaudi), Huawei (Ascend 310 and 910) and Google's documentation of Cloud TPU.
const MODELS: [(DeviceClass, &str, &[Precision], u32); 43] = [
    (DeviceClass::Nvidia, "V100", &[Fp32, Fp16], 300),
    (DeviceClass::Nvidia, "P100", &[Fp32, Fp16], 300),
    (DeviceClass::Nvidia, "T4", &[Fp32, Fp16, Int8, Int4], 70),
    (DeviceClass::Nvidia, "A100", AMPERE, 400),
    (DeviceClass::Nvidia, "A800", AMPERE, 400),
    (DeviceClass::Nvidia, "A40", AMPERE, 300),
    (DeviceClass::Nvidia, "A30", AMPERE, 165),
    (DeviceClass::Nvidia, "A16", AMPERE, 250),
    (DeviceClass::Nvidia, "A10", AMPERE, 150),
    (DeviceClass::Nvidia, "A2", AMPERE, 60),
    (DeviceClass::Nvidia, "L40S", ADA, 350),
    (DeviceClass::Nvidia, "L40", ADA, 300),
    (DeviceClass::Nvidia, "L20", ADA, 275),
    (DeviceClass::Nvidia, "L4", ADA, 72),
    (DeviceClass::Nvidia, "L2", ADA, UNKNOWN),
    (DeviceClass::Nvidia, "H100", HOPPER, 700),
    (DeviceClass::Nvidia, "H800", HOPPER, 700),
    (DeviceClass::Nvidia, "H200", HOPPER, 700),
    (DeviceClass::Nvidia, "GH200", HOPPER, 1000),
    (DeviceClass::Nvidia, "H20", HOPPER, 400),
    (DeviceClass::Nvidia, "B200", HOPPER, 1000),
    (DeviceClass::Nvidia, "GB200", HOPPER, 1200),
    (DeviceClass::Nvidia, "B300", HOPPER, 1400),
    (DeviceClass::Nvidia, "GB300", HOPPER, 1400),
    (DeviceClass::Amd, "MI100", &[Fp32, Bf16, Fp16, Int8], 300),
    (DeviceClass::Amd, "MI210", CDNA2, 300),
    (DeviceClass::Amd, "MI250X", CDNA2, 560),
    (DeviceClass::Amd, "MI250", CDNA2, 560),
    (DeviceClass::Amd, "MI300A", CDNA3, 760),
    (DeviceClass::Amd, "MI300X", CDNA3, 750),
    (DeviceClass::Amd, "MI325X", CDNA3, 1000),
    (DeviceClass::Amd, "MI350X", &[Fp32, Bf16, Fp16, Fp8, Int8], 1000),
    (DeviceClass::Amd, "MI355X", &[Fp32, Bf16, Fp16, Fp8, Int8], 1400),
    (DeviceClass::Intel, "Max", &[Fp32, Tf32, Bf16, Fp16, Int8], 600),
    (DeviceClass::Npu, "310", &[Fp16, Int8], 8),
    (DeviceClass::Npu, "310P", &[Fp16, Int8], 72),
    (DeviceClass::Npu, "910", &[Fp32, Fp16, Int8], 310),
    (DeviceClass::Npu, "910B", &[Fp32, Bf16, Fp16, Int8], 400),
    (DeviceClass::Tpu, "v4", &[Fp32, Bf16, Int8], 192),
    (DeviceClass::Tpu, "v5p", &[Fp32, Bf16, Int8], UNKNOWN),
    (DeviceClass::Tpu, "v5e", &[Fp32, Bf16, Int8], UNKNOWN),
    (DeviceClass::Tpu, "v6e", &[Fp32, Bf16, Int8], UNKNOWN),
    (DeviceClass::Tpu, "v7x", &[Fp32, Bf16, Fp8, Int8], UNKNOWN),
];

const AMPERE: &[Precision] = &[Fp32, Tf32, Bf16, Fp16, Int8, Int4];
const ADA: &[Precision] = &[Fp32, Tf32, Bf16, Fp16, Fp8, Int8, Int4];
const HOPPER: &[Precision] = &[Fp32, Tf32, Bf16, Fp16, Fp8, Int8];
const CDNA2: &[Precision] = &[Fp32, Bf16, Fp16, Int8];
const CDNA3: &[Precision] = &[Fp32, Tf32, Bf16, Fp16, Fp8, Int8];

/// The most watts that an accelerator is taken to draw of which nobody knows: as much as most of today's.
const UNKNOWN: u32 = 700;

fn known(
    class: DeviceClass,
    model: &str,
) -> Option<&'static (DeviceClass, &'static str, &'static [Precision], u32)> {
    let is_edge = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric());
    let is_in = |word: &str| {
        let mut found = model.match_indices(word).map(|(at, _)| model.split_at(at));
        found.any(|(before, rest)| {
            is_edge(before.chars().next_back()) && is_edge(rest.chars().nth(word.len()))
        })
    };
    MODELS.iter().find(|(of, word, ..)| *of == class && is_in(word))
}

/// The most that a model draws, in watts.
#[must_use]
pub fn watts_of(class: DeviceClass, model: &str) -> u32 {
    known(class, model).map_or(UNKNOWN, |(.., watts)| *watts)
}

/// The formats that a model computes in; none where the model is not known.
#[must_use]
pub fn precisions_of(class: DeviceClass, model: &str) -> &'static [Precision] {
    known(class, model).map_or(&[], |(_, _, precisions, _)| precisions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(class: DeviceClass, model: &str, computes: Option<Precision>, not: Option<Precision>) {
        let precisions = precisions_of(class, model);
        assert!(computes.is_none_or(|format| precisions.contains(&format)), "{model}: {precisions:?}");
        assert!(not.is_none_or(|format| !precisions.contains(&format)), "{model}: {precisions:?}");
    }

    #[test]
    fn a_model_is_known_by_a_word_of_its_name() {
        check(DeviceClass::Nvidia, "NVIDIA H100 80GB HBM3", Some(Fp8), Some(Int4));
        check(DeviceClass::Nvidia, "NVIDIA A100-SXM4-80GB", Some(Tf32), Some(Fp8));
        check(DeviceClass::Nvidia, "Tesla T4", Some(Int4), Some(Bf16));
        check(DeviceClass::Nvidia, "Tesla V100-SXM2-32GB", Some(Fp16), Some(Tf32));
        check(DeviceClass::Nvidia, "NVIDIA L40S", Some(Fp8), None);
        check(DeviceClass::Amd, "AMD Instinct MI250X/MI250", Some(Bf16), Some(Fp8));
        check(DeviceClass::Amd, "AMD Instinct MI300X", Some(Fp8), None);
        check(DeviceClass::Npu, "Huawei Ascend 910B", Some(Bf16), None);
        check(DeviceClass::Tpu, "Google TPU v5e", Some(Int8), Some(Fp8));
    }

    #[test]
    fn what_a_model_draws_is_known_or_taken_to_be_much() {
        assert_eq!(watts_of(DeviceClass::Nvidia, "NVIDIA H200"), 700);
        assert_eq!(watts_of(DeviceClass::Nvidia, "Tesla T4"), 70);
        assert_eq!(watts_of(DeviceClass::Amd, "AMD Instinct MI355X"), 1_400);
        assert_eq!(watts_of(DeviceClass::Nvidia, "simulated"), UNKNOWN);
    }

    #[test]
    fn of_a_model_that_is_not_known_nothing_is_said() {
        for model in ["", "NVIDIA GPU", "NVIDIA A1000", "simulated", "H1000"] {
            assert_eq!(precisions_of(DeviceClass::Nvidia, model), &[], "{model}");
        }
        assert_eq!(precisions_of(DeviceClass::Amd, "H100"), &[]);
    }
}
