// The smallest driver that the kernel loads by itself: it claims nothing, says that it is there, and what its firmware says where it
// has some.

#include <linux/firmware.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/platform_device.h>

/* The bridge of QEMU's machine q35: any device that is there will do, for the kernel asks for its driver by this number. */
static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(0x8086, 0x29c0) },
	{ }
};
MODULE_DEVICE_TABLE(pci, ids);

static int __init example_init(void)
{
	struct platform_device *device;
	const struct firmware *firmware;

	pr_notice("holdfast_example: loaded\n");
	device = platform_device_register_simple("holdfast_example", PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(device))
		return PTR_ERR(device);
	if (!request_firmware_direct(&firmware, "holdfast/example.txt", &device->dev)) {
		pr_notice("holdfast_example: its firmware says %.*s\n", (int)firmware->size, firmware->data);
		release_firmware(firmware);
	}
	platform_device_unregister(device);
	return 0;
}

static void __exit example_exit(void)
{
}

module_init(example_init);
module_exit(example_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Says that a module of the site was loaded");
