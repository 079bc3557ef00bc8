//! Discovers CPU, memory, NUMA, PCI, NICs, block devices and accelerators below an injected root.
