//! Which PCI function is an accelerator: by vendor and class, with names and sizes of the models that are known.

use holdfast_types::{Bytes, DeviceClass};

use super::device::Accelerator;
use crate::pci::PciDevice;

pub(crate) const NVIDIA: u16 = 0x10de;
pub(crate) const AMD_GPU: u16 = 0x1002;
pub(crate) const AMD: u16 = 0x1022;
pub(crate) const INTEL: u16 = 0x8086;
pub(crate) const HABANA: u16 = 0x1da3;
pub(crate) const HUAWEI: u16 = 0x19e5;
pub(crate) const GOOGLE: u16 = 0x1ae0;
const XILINX: u16 = 0x10ee;

const DISPLAY_VGA: u32 = 0x0300;
const DISPLAY_3D: u32 = 0x0302;
const DISPLAY_OTHER: u32 = 0x0380;
const SIGNAL_PROCESSING: u32 = 0x1180;
const PROCESSING_ACCELERATOR: u32 = 0x1200;

/// Vendor, device, name, and memory in decimal gigabytes as sold (0 where it is shared with the host or varies).
/// NVIDIA's drivers name their devices, so its models are not here.
const MODELS: [(u16, u16, &str, u64); 34] = [
    (AMD_GPU, 0x738c, "AMD Instinct MI100", 32),
    (AMD_GPU, 0x7408, "AMD Instinct MI250X", 64),
    (AMD_GPU, 0x740c, "AMD Instinct MI250X/MI250", 64),
    (AMD_GPU, 0x740f, "AMD Instinct MI210", 64),
    (AMD_GPU, 0x74a0, "AMD Instinct MI300A", 128),
    (AMD_GPU, 0x74a1, "AMD Instinct MI300X", 192),
    (AMD_GPU, 0x74a5, "AMD Instinct MI325X", 256),
    (AMD_GPU, 0x75a0, "AMD Instinct MI350X", 288),
    (AMD_GPU, 0x75a3, "AMD Instinct MI355X", 288),
    (AMD, 0x1502, "AMD XDNA NPU", 0),
    (AMD, 0x17f0, "AMD XDNA 2 NPU", 0),
    (INTEL, 0x0bd5, "Intel Data Center GPU Max 1550", 128),
    (INTEL, 0x0bda, "Intel Data Center GPU Max 1100", 48),
    (INTEL, 0x56c0, "Intel Data Center GPU Flex 170", 16),
    (INTEL, 0x56c1, "Intel Data Center GPU Flex 140", 6),
    (INTEL, 0x7d1d, "Intel NPU (Meteor Lake)", 0),
    (INTEL, 0xad1d, "Intel NPU (Arrow Lake)", 0),
    (INTEL, 0x643e, "Intel NPU (Lunar Lake)", 0),
    (INTEL, 0xb03e, "Intel NPU (Panther Lake)", 0),
    (HABANA, 0x1000, "Intel Gaudi", 32),
    (HABANA, 0x1010, "Intel Gaudi", 32),
    (HABANA, 0x1020, "Intel Gaudi 2", 96),
    (HABANA, 0x1060, "Intel Gaudi 3", 128),
    (HUAWEI, 0xd100, "Huawei Ascend 310", 0),
    (HUAWEI, 0xd500, "Huawei Ascend 310P", 0),
    (HUAWEI, 0xd801, "Huawei Ascend 910", 32),
    (HUAWEI, 0xd802, "Huawei Ascend 910B", 64),
    (HUAWEI, 0xd803, "Huawei Ascend 910C", 0),
    (GOOGLE, 0x0027, "Google TPU v2/v3", 0),
    (GOOGLE, 0x005e, "Google TPU v4", 32),
    (GOOGLE, 0x0062, "Google TPU v5p", 95),
    (GOOGLE, 0x0063, "Google TPU v5e", 16),
    (GOOGLE, 0x006f, "Google TPU v6e", 32),
    (GOOGLE, 0x0076, "Google TPU v7x", 192),
];

/// The accelerator a PCI function is; `None` where it is something else.
pub(crate) fn identify(function: &PciDevice) -> Option<Accelerator> {
    let (class, vendor) = classify(function)?;
    let known = MODELS.iter().find(|(v, d, ..)| (*v, *d) == (function.vendor, function.device));
    let model = known.map_or_else(
        || format!("{vendor} {:04x}:{:04x}", function.vendor, function.device),
        |(_, _, name, _)| (*name).to_owned(),
    );
    Some(Accelerator {
        memory: known.map(|(.., size)| *size).filter(|size| *size > 0).map(gigabytes),
        pci: Some(function.address.clone()),
        numa: function.numa,
        driver: function.driver.clone(),
        ..Accelerator::new(class, vendor, model)
    })
}

/// Decimal gigabytes: no model has less than it is sold with, so nothing is promised that is not there.
pub(crate) fn gigabytes(count: u64) -> Bytes {
    Bytes(count.saturating_mul(1_000_000_000))
}

fn classify(function: &PciDevice) -> Option<(DeviceClass, &'static str)> {
    let subclass = function.subclass();
    let display = [DISPLAY_VGA, DISPLAY_3D, DISPLAY_OTHER].contains(&subclass);
    let processing = subclass == PROCESSING_ACCELERATOR;
    match function.vendor {
        NVIDIA => (display || processing).then_some((DeviceClass::Nvidia, "nvidia")),
        AMD_GPU => (display || processing).then_some((DeviceClass::Amd, "amd")),
        AMD => (processing || subclass == SIGNAL_PROCESSING).then_some((DeviceClass::Npu, "amd")),
        INTEL if processing => Some((DeviceClass::Npu, "intel")),
        // The graphics inside an Intel processor sit on bus 0; they drive a screen.
        INTEL => (display && !is_on_bus_zero(&function.address)).then_some((DeviceClass::Intel, "intel")),
        HABANA => processing.then_some((DeviceClass::Intel, "intel")),
        HUAWEI => processing.then_some((DeviceClass::Npu, "huawei")),
        GOOGLE => is_known(function).then_some((DeviceClass::Tpu, "google")),
        XILINX => processing.then_some((DeviceClass::Fpga, "xilinx")),
        _ => processing.then_some((DeviceClass::Npu, "unknown")),
    }
}

/// Google's network and disk devices carry the same vendor, and its TPUs no class of their own.
fn is_known(function: &PciDevice) -> bool {
    MODELS.iter().any(|(v, d, ..)| (*v, *d) == (function.vendor, function.device))
        || function.subclass() == PROCESSING_ACCELERATOR
}

fn is_on_bus_zero(address: &str) -> bool {
    address.split(':').nth(1) == Some("00")
}
