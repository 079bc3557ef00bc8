//! Machines of every vendor as fixture trees, and the machine the test runs on.

use camino::Utf8PathBuf;
use holdfast_types::DeviceIndex;

use super::*;
use crate::Health;

struct Fixture {
    _dir: tempfile::TempDir,
    root: Utf8PathBuf,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        Self { _dir: dir, root }
    }

    fn file(&self, path: &str, text: &str) -> &Self {
        let path = self.root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("{text}\n")).unwrap();
        self
    }

    fn link(&self, path: &str, target: &str) -> &Self {
        let path = self.root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, path).unwrap();
        self
    }

    /// A function on the bus; an empty driver binds none.
    fn pci(&self, address: &str, ids: &str, class: &str, numa: &str, driver: &str) -> &Self {
        let dir = format!("sys/bus/pci/devices/{address}");
        let (vendor, device) = ids.split_once(':').unwrap();
        self.file(&format!("{dir}/vendor"), &format!("0x{vendor}"));
        self.file(&format!("{dir}/device"), &format!("0x{device}"));
        self.file(&format!("{dir}/class"), &format!("0x{class}"));
        self.file(&format!("{dir}/numa_node"), numa);
        if !driver.is_empty() {
            self.link(&format!("{dir}/driver"), &format!("../../../bus/pci/drivers/{driver}"));
        }
        self
    }

    /// Empty files in the place of device nodes.
    fn nodes(&self, names: &[&str]) -> &Self {
        names.iter().for_each(|name| {
            self.file(&format!("dev/{name}"), "");
        });
        self
    }

    fn discover(&self) -> Inventory {
        discover(&self.root, &Options::default()).unwrap()
    }

    /// Every accelerator as one line.
    fn accelerators(&self) -> Vec<String> {
        self.discover().accelerators.iter().map(line).collect()
    }
}

fn line(accelerator: &Accelerator) -> String {
    let Accelerator { index, class, vendor, model, memory, pci, numa, nodes, health, health_reason, .. } =
        accelerator;
    let nodes: Vec<&str> = nodes.iter().map(|n| n.as_str().trim_start_matches("/dev/")).collect();
    format!(
        "{} {class} {vendor} `{model}` {} {} numa={} [{}] {health}{}",
        index.0,
        memory.map_or("-".to_owned(), |m| (m.0 / 1_000_000_000).to_string()),
        pci.as_deref().unwrap_or("-"),
        numa.map_or("-".to_owned(), |n| n.to_string()),
        nodes.join(" "),
        health_reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default(),
    )
}

#[test]
fn nvidia_gpus_take_name_and_node_from_the_driver_and_memory_from_the_name() {
    let machine = Fixture::new();
    machine
        .pci("0000:1b:00.0", "10de:2335", "030200", "0", "nvidia")
        .pci("0000:9b:00.0", "10de:2335", "030200", "1", "")
        .pci("0000:1c:00.0", "10de:22a3", "068000", "0", "nvidia-nvswitch")
        .pci("0000:1b:00.1", "10de:2335", "030200", "0", "nvidia")
        .link("sys/bus/pci/devices/0000:1b:00.1/physfn", "../0000:1b:00.0")
        .file(
            "proc/driver/nvidia/gpus/0000:1b:00.0/information",
            "Model: \t\t NVIDIA H200\nIRQ:   \t\t 35\nGPU UUID: \t GPU-5b6c\nBus Location: \t 0000:1b:00.0\nDevice Minor: \t 3",
        )
        .nodes(&["nvidia3", "nvidiactl", "nvidia-uvm"]);
    assert_eq!(
        machine.accelerators(),
        [
            "0 nvidia nvidia `NVIDIA H200` 141 0000:1b:00.0 numa=0 [nvidia3 nvidiactl nvidia-uvm] healthy",
            "1 nvidia nvidia `nvidia 10de:2335` - 0000:9b:00.0 numa=1 [] unknown: no driver is bound",
        ]
    );
    assert_eq!(machine.discover().accelerators[0].uuid.as_deref(), Some("GPU-5b6c"));
    machine.file("sys/bus/pci/devices/0000:1b:00.0/aer_dev_fatal", "Undefined 0\nTOTAL_ERR_FATAL 2");
    assert!(machine.accelerators()[0].ends_with("degraded: 2 fatal errors on its pci link since boot"));
}

#[test]
fn nvidia_gpus_in_a_container_without_a_bus_are_found_and_a_withheld_node_shows() {
    let machine = Fixture::new();
    let gpus = "proc/driver/nvidia/gpus";
    machine
        .file(&format!("{gpus}/0000:0A:00.0/information"), "Model: NVIDIA A100-SXM4-80GB\nDevice Minor: 0")
        .file(&format!("{gpus}/0000:0b:00.0/information"), "Model: NVIDIA A100-SXM4-80GB\nDevice Minor: 1")
        .nodes(&["nvidia1", "nvidiactl"]);
    assert_eq!(
        machine.accelerators(),
        [
            "0 nvidia nvidia `NVIDIA A100-SXM4-80GB` 80 0000:0a:00.0 numa=- [nvidiactl] unknown: it has no device node",
            "1 nvidia nvidia `NVIDIA A100-SXM4-80GB` 80 0000:0b:00.0 numa=- [nvidia1 nvidiactl] healthy",
        ]
    );
}

#[test]
fn amd_gpus_are_joined_with_the_compute_topology_by_their_place_on_the_bus() {
    let machine = Fixture::new();
    let topology = "sys/class/kfd/kfd/topology/nodes";
    machine
        .pci("0000:c1:00.0", "1002:74a1", "120000", "1", "amdgpu")
        .pci("0001:05:00.0", "1002:740f", "038000", "-1", "amdgpu")
        .file("sys/bus/pci/devices/0000:c1:00.0/mem_info_vram_total", "206141652992")
        .file("sys/bus/pci/devices/0000:c1:00.0/ras/umc_err_count", "ue: 3\nce: 7")
        .file(&format!("{topology}/0/properties"), "cpu_cores_count 96\nsimd_count 0\ndrm_render_minor 0")
        .file(
            &format!("{topology}/1/properties"),
            "simd_count 1216\ndomain 0\nlocation_id 49408\ndrm_render_minor 128",
        )
        .file(
            &format!("{topology}/2/properties"),
            "simd_count 416\ndomain 1\nlocation_id 1280\ndrm_render_minor 129",
        )
        .file(&format!("{topology}/2/mem_banks/0/properties"), "heap_type 1\nsize_in_bytes 68702699520")
        .nodes(&["kfd", "dri/renderD128", "dri/renderD129"]);
    assert_eq!(
        machine.accelerators(),
        [
            "0 amd amd `AMD Instinct MI300X` 206 0000:c1:00.0 numa=1 [kfd dri/renderD128] degraded: 3 uncorrected errors in its memory",
            "1 amd amd `AMD Instinct MI210` 64 0001:05:00.0 numa=- [kfd dri/renderD129] healthy",
        ]
    );
}

#[test]
fn gaudis_of_both_driver_layouts_say_how_they_are() {
    let machine = Fixture::new();
    machine
        .pci("0000:33:00.0", "1da3:1060", "120000", "0", "habanalabs")
        .link("sys/class/accel/accel0/device", "../../../bus/pci/devices/0000:33:00.0")
        .file("sys/bus/pci/devices/0000:33:00.0/device_type", "GAUDI3")
        .file("sys/bus/pci/devices/0000:33:00.0/status", "Malfunction")
        .file("sys/class/habanalabs/hl1/pci_addr", "0000:34:00.0")
        .file("sys/class/habanalabs/hl1/device_type", "GAUDI2")
        .file("sys/class/habanalabs/hl1/status", "In reset")
        .file("sys/class/habanalabs/hl_controlD1/dev", "1:2")
        .nodes(&["accel/accel0", "accel/accel_controlD0", "hl1", "hl_controlD1"]);
    assert_eq!(
        machine.accelerators(),
        [
            "0 intel intel `Intel Gaudi 3` 128 0000:33:00.0 numa=0 [accel/accel0 accel/accel_controlD0] failed: its driver reports malfunction",
            "1 intel intel `Intel Gaudi 2` 96 0000:34:00.0 numa=- [hl1 hl_controlD1] degraded: its driver reports In reset",
        ]
    );
    machine.file("sys/bus/pci/devices/0000:33:00.0/status", "Operational");
    assert!(machine.accelerators()[0].ends_with(" healthy"));
}

#[test]
fn npus_of_intel_amd_and_anybody_are_found_and_graphics_of_a_processor_are_not() {
    let machine = Fixture::new();
    machine
        .pci("0000:00:02.0", "8086:7d55", "030000", "-1", "i915")
        .pci("0000:00:0b.0", "8086:7d1d", "120000", "-1", "intel_vpu")
        .pci("0000:03:00.0", "8086:56c0", "038000", "-1", "xe")
        .pci("0000:c5:00.1", "1022:17f0", "118000", "-1", "amdxdna")
        .pci("0000:d1:00.0", "1e52:401e", "120000", "-1", "tenstorrent")
        .link("sys/class/accel/accel0/device", "../../../bus/pci/devices/0000:00:0b.0")
        .link("sys/class/accel/accel1/device", "../../../bus/pci/devices/0000:c5:00.1")
        .file("sys/class/accel/accel2/device/vendor", "0x8086")
        .file("sys/bus/pci/devices/0000:03:00.0/drm/renderD128/dev", "226:128")
        .nodes(&["accel/accel0", "accel/accel1", "accel/accel2", "dri/renderD128"]);
    assert_eq!(
        machine.accelerators(),
        [
            "0 npu intel `Intel NPU (Meteor Lake)` - 0000:00:0b.0 numa=- [accel/accel0] healthy",
            "1 intel intel `Intel Data Center GPU Flex 170` 16 0000:03:00.0 numa=- [dri/renderD128] healthy",
            "2 npu amd `AMD XDNA 2 NPU` - 0000:c5:00.1 numa=- [accel/accel1] healthy",
            "3 npu unknown `unknown 1e52:401e` - 0000:d1:00.0 numa=- [] healthy",
            "4 npu intel `intel accelerator` - - numa=- [accel/accel2] healthy",
        ]
    );
}

#[test]
fn ascends_take_their_nodes_in_order_and_a_second_chip_on_a_card_counts() {
    let machine = Fixture::new();
    machine
        .pci("0000:81:00.0", "19e5:d802", "120000", "2", "devdrv_device_driver")
        .pci("0000:01:00.0", "19e5:d802", "120000", "0", "devdrv_device_driver")
        .pci("0000:02:00.0", "19e5:0222", "020000", "0", "hns3")
        .nodes(&["davinci0", "davinci1", "davinci10", "davinci_manager", "devmm_svm", "hisi_hdc"]);
    let shared = "davinci_manager devmm_svm hisi_hdc";
    assert_eq!(
        machine.accelerators(),
        [
            format!("0 npu huawei `Huawei Ascend 910B` 64 0000:01:00.0 numa=0 [davinci0 {shared}] healthy"),
            format!("1 npu huawei `Huawei Ascend 910B` 64 0000:81:00.0 numa=2 [davinci1 {shared}] healthy"),
            format!("2 npu huawei `Huawei Ascend` - - numa=- [davinci10 {shared}] healthy"),
        ]
    );
}

#[test]
fn tpus_are_told_from_other_google_devices_and_given_their_group() {
    let machine = Fixture::new();
    machine
        .pci("0000:00:04.0", "1ae0:0042", "020000", "-1", "gvnic")
        .pci("0000:00:05.0", "1ae0:0063", "ff0000", "0", "vfio-pci")
        .pci("0000:00:06.0", "1ae0:005e", "ff0000", "0", "")
        .link("sys/bus/pci/devices/0000:00:05.0/iommu_group", "../../../kernel/iommu_groups/7")
        .nodes(&["vfio/vfio", "vfio/7", "accel1"]);
    assert_eq!(
        machine.accelerators(),
        [
            "0 tpu google `Google TPU v5e` 16 0000:00:05.0 numa=0 [vfio/7 vfio/vfio] healthy",
            "1 tpu google `Google TPU v4` 32 0000:00:06.0 numa=0 [accel1] unknown: no driver is bound",
        ]
    );
}

#[test]
fn the_rest_of_a_machine_is_read_and_virtual_things_are_left_out() {
    let machine = Fixture::new();
    let cpu = "sys/devices/system/cpu";
    for (id, package, core) in [(0, 0, 0), (1, 0, 1), (2, 1, 0), (3, 1, 1), (4, 0, 0), (5, 0, 1)] {
        machine.file(&format!("{cpu}/cpu{id}/topology/physical_package_id"), &package.to_string());
        machine.file(&format!("{cpu}/cpu{id}/topology/core_id"), &core.to_string());
    }
    machine
        .file(
            "proc/cpuinfo",
            "processor\t: 0\nmodel name\t: EPYC 9654\nflags\t\t: fpu sse avx2 avx512f sev_snp svm lm",
        )
        .file(&format!("{cpu}/online"), "0-5")
        .file("proc/meminfo", "MemTotal:       1056481280 kB\nMemFree: 1 kB")
        .file("sys/devices/system/node/node0/cpulist", "0-1,4-5")
        .file("sys/devices/system/node/node0/meminfo", "Node 0 MemTotal:       528240640 kB")
        .file("sys/devices/system/node/node1/cpulist", "2-3")
        .file("proc/sys/kernel/osrelease", "6.12.0-holdfast")
        .file("proc/sys/kernel/hostname", "node-03")
        .file("etc/machine-id", "8ad1")
        .file("sys/class/dmi/id/product_name", "PowerEdge XE9680")
        .pci("0000:41:00.0", "15b3:1021", "020700", "0", "mlx5_core")
        .link("sys/class/net/ib0/device", "../../../bus/pci/devices/0000:41:00.0")
        .file("sys/class/net/ib0/address", "aa:bb:cc:dd:ee:ff")
        .file("sys/class/net/ib0/speed", "400000")
        .file("sys/class/net/ib0/operstate", "up")
        .pci("0000:00:03.0", "1af4:1041", "020000", "1", "virtio-pci")
        .file("sys/devices/pci0000:00/0000:00:03.0/virtio2/vendor", "0x1af4")
        .link(
            "sys/devices/pci0000:00/0000:00:03.0/virtio2/driver",
            "../../../../bus/virtio/drivers/virtio_net",
        )
        .link("sys/class/net/eth0/device", "../../../devices/pci0000:00/0000:00:03.0/virtio2")
        .file("sys/class/net/eth0/address", "02:fc:00:00:00:01")
        .file("sys/class/net/lo/address", "00:00:00:00:00:00")
        .file("sys/class/net/bonding_masters", "")
        .file("sys/class/net/veth1/address", "02:00:00:00:00:01")
        .file("sys/class/net/veth1/speed", "-1")
        .file("sys/block/nvme0n1/size", "7501476528")
        .file("sys/block/nvme0n1/queue/rotational", "0")
        .file("sys/block/nvme0n1/device/model", "SAMSUNG MZQL23T8")
        .file("sys/block/nvme0n1/device/serial", "S64HNE0R")
        .file("sys/block/loop0/size", "8");
    let found = machine.discover();
    let flags: Vec<String> = ["avx2", "avx512f", "sev_snp", "svm"].map(str::to_owned).into();
    assert_eq!(
        found.cpu,
        Cpu { model: Some("EPYC 9654".to_owned()), sockets: 2, cores: 4, threads: 6, flags }
    );
    assert_eq!(found.memory, Some(Bytes(1_056_481_280 * 1024)));
    assert_eq!(
        found.numa,
        [
            NumaNode { id: 0, cpus: vec![0, 1, 4, 5], memory: Some(Bytes(528_240_640 * 1024)) },
            NumaNode { id: 1, cpus: vec![2, 3], memory: None },
        ]
    );
    let nic =
        |name: &str, mac: &str| Nic { name: name.to_owned(), mac: Some(mac.to_owned()), ..Nic::default() };
    let virtio = Nic {
        driver: Some("virtio_net".to_owned()),
        pci: Some("0000:00:03.0".to_owned()),
        numa: Some(1),
        ..nic("eth0", "02:fc:00:00:00:01")
    };
    let infiniband = Nic {
        name: "ib0".to_owned(),
        mac: Some("aa:bb:cc:dd:ee:ff".to_owned()),
        speed_mbps: Some(400_000),
        state: Some("up".to_owned()),
        driver: Some("mlx5_core".to_owned()),
        pci: Some("0000:41:00.0".to_owned()),
        numa: Some(0),
    };
    assert_eq!(found.nics, [virtio, infiniband, nic("veth1", "02:00:00:00:00:01")]);
    let disk = BlockDevice {
        name: "nvme0n1".to_owned(),
        size: Some(Bytes(7_501_476_528 * 512)),
        rotational: Some(false),
        model: Some("SAMSUNG MZQL23T8".to_owned()),
        serial: Some("S64HNE0R".to_owned()),
    };
    assert_eq!(found.blocks, [disk]);
    assert_eq!(found.pci.iter().map(PciDevice::subclass).collect::<Vec<_>>(), [0x0200, 0x0207]);
    assert_eq!(found.system.kernel.as_deref(), Some("6.12.0-holdfast"));
    assert_eq!(found.system.serial, None);
    assert_eq!((found.accelerators, found.notes), (vec![], vec![]));
}

#[test]
fn an_empty_and_a_hostile_machine_give_notes_and_a_missing_one_an_error() {
    let machine = Fixture::new();
    let empty = machine.discover();
    assert_eq!((empty.cpu, empty.memory), (Cpu::default(), None));
    for missing in ["proc/cpuinfo", "proc/meminfo", "sys/bus/pci/devices", "sys/class/net", "sys/block"] {
        assert!(empty.notes.contains(&format!("/{missing} does not exist")), "{missing}: {:?}", empty.notes);
    }
    machine
        .file("proc/cpuinfo", &"processor : 0\n".repeat(3))
        .file("proc/meminfo", "MemTotal: 99999999999999999999 kB")
        .file("sys/devices/system/cpu/online", "0-")
        .file("sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de10de")
        .file("sys/bus/pci/devices/0000:02:00.0/vendor/strange", "")
        .file("sys/block/sda/size", "18446744073709551615")
        .file("proc/driver/nvidia/gpus/x/information", "Device Minor: 99999999999\nModel:\n::::")
        .file("sys/class/kfd/kfd/topology/nodes/0/properties", "simd_count 1\nlocation_id 1\nx")
        .link("sys/class/accel/accel0", "accel0");
    let hostile = machine.discover();
    assert_eq!((hostile.cpu.threads, hostile.memory, hostile.pci.len()), (3, None, 0));
    assert_eq!(hostile.blocks[0].size, None);
    assert!(hostile.notes.iter().any(|n| n == "pci device 0000:01:00.0 does not say what it is"));

    let absent = discover(&machine.root.join("nowhere"), &Options::default()).unwrap_err();
    let file = discover(&machine.root.join("proc/cpuinfo"), &Options::default()).unwrap_err();
    for error in [absent, file] {
        let problem = holdfast_types::AsProblem::problem(&error);
        assert_eq!(problem.code.to_string(), "E6100");
        assert!(problem.because[0].contains("inventory root `"), "{problem}");
    }
}

#[test]
fn simulated_accelerators_come_after_real_ones_and_say_what_they_are() {
    let machine = Fixture::new();
    machine.pci("0000:1b:00.0", "10de:2335", "030200", "0", "nvidia");
    let simulated = vec![Simulation { count: 2, class: DeviceClass::Nvidia, memory: Bytes(80_000_000_000) }];
    let found = discover(&machine.root, &Options { simulated }).unwrap().accelerators;
    let marks: Vec<_> = found.iter().map(|a| (a.index, a.simulated, a.health)).collect();
    assert_eq!(
        marks,
        [
            (DeviceIndex(0), false, Health::Unknown),
            (DeviceIndex(1), true, Health::Healthy),
            (DeviceIndex(2), true, Health::Healthy)
        ]
    );
    assert_eq!(line(&found[2]), "2 nvidia holdfast `simulated nvidia` 80 - numa=- [] healthy");
    assert_eq!(simulate(u32::MAX, DeviceClass::Tpu, Bytes(1)).len(), 1024);
}

#[test]
fn this_machine_has_processors_and_memory() {
    let found = discover(Utf8Path::new("/"), &Options::default()).unwrap();
    assert!(found.cpu.threads > 0 && found.cpu.cores > 0 && found.cpu.sockets > 0, "{:?}", found.cpu);
    assert!(found.memory.is_some_and(|memory| memory.0 > 0));
}
