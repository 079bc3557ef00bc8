//! Which number formats a model of accelerator computes in. It must not know who asks, nor how fast it is.

use crate::device::{DeviceClass, Precision};

use Precision::{Bf16, Fp8, Fp16, Fp32, Int4, Int8, Tf32};

/// A class, a word of the name of a model, and the formats that its matrix units have, or its vector units where those are fp32. Of two
/// words in a name the first in this list counts. From the data sheets of NVIDIA (V100, T4, A2 to A100, L4 to L40S, H100, H200, H20, B200,
/// B300), AMD (MI100 to MI355X), Intel (Max, Gaudi), Huawei (Ascend 310 and 910) and Google's documentation of Cloud TPU.
const MODELS: [(DeviceClass, &str, &[Precision]); 43] = [
    (DeviceClass::Nvidia, "V100", &[Fp32, Fp16]),
    (DeviceClass::Nvidia, "P100", &[Fp32, Fp16]),
    (DeviceClass::Nvidia, "T4", &[Fp32, Fp16, Int8, Int4]),
    (DeviceClass::Nvidia, "A100", AMPERE),
    (DeviceClass::Nvidia, "A800", AMPERE),
    (DeviceClass::Nvidia, "A40", AMPERE),
    (DeviceClass::Nvidia, "A30", AMPERE),
    (DeviceClass::Nvidia, "A16", AMPERE),
    (DeviceClass::Nvidia, "A10", AMPERE),
    (DeviceClass::Nvidia, "A2", AMPERE),
    (DeviceClass::Nvidia, "L40S", ADA),
    (DeviceClass::Nvidia, "L40", ADA),
    (DeviceClass::Nvidia, "L20", ADA),
    (DeviceClass::Nvidia, "L4", ADA),
    (DeviceClass::Nvidia, "L2", ADA),
    (DeviceClass::Nvidia, "H100", HOPPER),
    (DeviceClass::Nvidia, "H800", HOPPER),
    (DeviceClass::Nvidia, "H200", HOPPER),
    (DeviceClass::Nvidia, "GH200", HOPPER),
    (DeviceClass::Nvidia, "H20", HOPPER),
    (DeviceClass::Nvidia, "B200", HOPPER),
    (DeviceClass::Nvidia, "GB200", HOPPER),
    (DeviceClass::Nvidia, "B300", HOPPER),
    (DeviceClass::Nvidia, "GB300", HOPPER),
    (DeviceClass::Amd, "MI100", &[Fp32, Bf16, Fp16, Int8]),
    (DeviceClass::Amd, "MI210", CDNA2),
    (DeviceClass::Amd, "MI250X", CDNA2),
    (DeviceClass::Amd, "MI250", CDNA2),
    (DeviceClass::Amd, "MI300A", CDNA3),
    (DeviceClass::Amd, "MI300X", CDNA3),
    (DeviceClass::Amd, "MI325X", CDNA3),
    (DeviceClass::Amd, "MI350X", &[Fp32, Bf16, Fp16, Fp8, Int8]),
    (DeviceClass::Amd, "MI355X", &[Fp32, Bf16, Fp16, Fp8, Int8]),
    (DeviceClass::Intel, "Max", &[Fp32, Tf32, Bf16, Fp16, Int8]),
    (DeviceClass::Npu, "310", &[Fp16, Int8]),
    (DeviceClass::Npu, "310P", &[Fp16, Int8]),
    (DeviceClass::Npu, "910", &[Fp32, Fp16, Int8]),
    (DeviceClass::Npu, "910B", &[Fp32, Bf16, Fp16, Int8]),
    (DeviceClass::Tpu, "v4", &[Fp32, Bf16, Int8]),
    (DeviceClass::Tpu, "v5p", &[Fp32, Bf16, Int8]),
    (DeviceClass::Tpu, "v5e", &[Fp32, Bf16, Int8]),
    (DeviceClass::Tpu, "v6e", &[Fp32, Bf16, Int8]),
    (DeviceClass::Tpu, "v7x", &[Fp32, Bf16, Fp8, Int8]),
];

const AMPERE: &[Precision] = &[Fp32, Tf32, Bf16, Fp16, Int8, Int4];
const ADA: &[Precision] = &[Fp32, Tf32, Bf16, Fp16, Fp8, Int8, Int4];
const HOPPER: &[Precision] = &[Fp32, Tf32, Bf16, Fp16, Fp8, Int8];
const CDNA2: &[Precision] = &[Fp32, Bf16, Fp16, Int8];
const CDNA3: &[Precision] = &[Fp32, Tf32, Bf16, Fp16, Fp8, Int8];

/// The formats that a model computes in; none where the model is not known.
#[must_use]
pub fn precisions_of(class: DeviceClass, model: &str) -> &'static [Precision] {
    let is_in = |word: &str| model.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| part == word);
    let known = MODELS.iter().find(|(of, word, _)| *of == class && is_in(word));
    known.map_or(&[], |(.., precisions)| precisions)
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
    fn of_a_model_that_is_not_known_nothing_is_said() {
        for model in ["", "NVIDIA GPU", "NVIDIA A1000", "simulated", "H1000"] {
            assert_eq!(precisions_of(DeviceClass::Nvidia, model), &[], "{model}");
        }
        assert_eq!(precisions_of(DeviceClass::Amd, "H100"), &[]);
    }
}
