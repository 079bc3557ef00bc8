// The smallest driver that the kernel loads by itself: it claims nothing, and says that it is there.

#include <linux/module.h>
#include <linux/pci.h>

/* The bridge of QEMU's machine q35: any device that is there will do, for the kernel asks for its driver by this number. */
static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(0x8086, 0x29c0) },
	{ }
};
MODULE_DEVICE_TABLE(pci, ids);

static int __init example_init(void)
{
	pr_notice("holdfast_example: loaded\n");
	return 0;
}

static void __exit example_exit(void)
{
}

module_init(example_init);
module_exit(example_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Says that a module of the site was loaded");
