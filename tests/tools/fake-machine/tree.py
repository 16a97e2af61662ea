#!/usr/bin/env python3
"""Builds the files of /sys that librocm_smi64 reads.

  tree.py ROOT [--cards 8] [--vendor 0x1002|0x1d94] [--device 0x6210] [--xgmi | --pcie-links]

ROOT gets: devices/pci*/..../drm/cardN, class/drm, class/kfd, class/hwmon,
module/amdgpu, kernel/debug/dri.  It is meant to be put under /sys by `within`.
Files are plain files: write a new value and the next rsmi call returns it.
"""

import argparse
import os
import pathlib
import struct

P = pathlib.Path
ap = argparse.ArgumentParser()
ap.add_argument("root")
ap.add_argument("--cards", type=int, default=8)
ap.add_argument("--vendor", default="0x1002")
ap.add_argument("--device", default="0x6210")
ap.add_argument("--name", default="K100_AI")
ap.add_argument("--vram", type=int, default=64 << 30)
ap.add_argument("--cap", type=int, default=400)
ap.add_argument("--numa", type=int, default=2)
ap.add_argument("--xgmi", action="store_true")
ap.add_argument("--pcie-links", action="store_true")
a = ap.parse_args()
R = P(a.root)


def write(path, value):
    path = P(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(value, bytes):
        path.write_bytes(value)
    else:
        path.write_text(f"{value}\n")


def dpm(levels, cur):  # pp_dpm_*: "0: 300Mhz \n1: 1500Mhz *"
    return "\n".join(f'{i}: {m}Mhz {"*" if i == cur else ""}' for i, m in enumerate(levels))


def gpu_metrics(temp=45, hot=50, mem=48, gfx=0, umc=0, watts=100, sclk=300, uclk=900):
    # gpu_metrics_v1_1, 96 bytes (struct metrics_table_header + body), little endian
    return struct.pack(
        "<HBB 6H 3H H Q Q 14H I H H H H I I 4H 2x".replace(" ", ""),
        96,
        1,
        1,
        temp,
        hot,
        mem,
        temp,
        temp,
        temp,
        gfx,
        umc,
        0,
        watts,
        0,
        0,
        sclk,
        800,
        uclk,
        0,
        0,
        0,
        0,
        sclk,
        800,
        uclk,
        0,
        0,
        0,
        0,
        0,
        0,
        16,
        160,
        0,
        0,
        0,
        mem,
        mem,
        mem,
        mem,
    )[:96].ljust(96, b"\0")


buses = []
for i in range(a.cards):
    numa = i * a.numa // a.cards
    root = f"pci0000:{0x40 + 0x40 * numa:02x}"
    bus = 0x40 + 0x40 * numa + 3 + (i % max(1, a.cards // a.numa)) * 4
    bdf = f"0000:{bus:02x}:00.0"
    buses.append((bus, numa))
    d = R / "devices" / root / bdf
    card = d / "drm" / f"card{i}"
    for k, v in dict(
        vendor=a.vendor,
        device=a.device,
        subsystem_vendor=a.vendor,
        subsystem_device="0x6210",
        revision="0x01",
        vbios_version=f"113-{a.name}-00{i}",
        product_name=a.name,
        product_number="K100AI-64G",
        serial_number=f"TFAKE{i:011d}",
        unique_id=f"{0x1d94000000000000 + i:016x}",
        numa_node=numa,
        gpu_busy_percent=0,
        mem_busy_percent=0,
        mem_info_vram_total=a.vram,
        mem_info_vram_used=(6 << 20) + i * 4096,
        mem_info_vis_vram_total=a.vram,
        mem_info_vis_vram_used=6 << 20,
        mem_info_gtt_total=a.vram,
        mem_info_gtt_used=8 << 20,
        mem_info_vram_vendor="hynix",
        power_dpm_force_performance_level="auto",
        power_dpm_state="performance",
        pp_sclk_od=0,
        pp_mclk_od=0,
        pcie_bw="1000 900 256",
        pcie_replay_count=0,
        current_link_speed="16.0 GT/s PCIe",
        current_link_width=16,
        max_link_speed="16.0 GT/s PCIe",
        max_link_width=16,
        xgmi_error=0,
        pp_dpm_sclk=dpm([300, 800, 1200, 1500], 0),
        pp_dpm_mclk=dpm([500, 900], 1),
        pp_dpm_socclk=dpm([400, 800], 0),
        pp_dpm_fclk=dpm([600, 1200], 0),
        pp_dpm_pcie="0: 2.5GT/s, x16 \n1: 16.0GT/s, x16 *",
        thermal_throttling_logging="",
    ).items():
        write(d / k, v)
    write(d / "ras/features", "feature mask: 0x7")
    for b in ("umc", "sdma", "gfx", "mmhub", "pcie_bif", "hdp", "xgmi_wafl"):
        write(d / f"ras/{b}_err_count", "ue: 0\nce: 0")
    write(d / "ras/gpu_vram_bad_pages", "")
    write(d / "gpu_metrics", gpu_metrics())
    for f in ("smc", "sdma", "mec", "vcn"):
        write(d / f"fw_version/{f}_fw_version", "0x00000001")
    h = d / f"hwmon/hwmon{10 + i}"
    for k, v in dict(
        name="amdgpu",
        power1_average=100_000_000,
        power1_cap=a.cap * 10**6,
        power1_cap_default=a.cap * 10**6,
        power1_cap_max=a.cap * 10**6,
        power1_cap_min=0,
        temp1_input=45000,
        temp1_label="edge",
        temp1_crit=95000,
        temp1_emergency=105000,
        temp2_input=50000,
        temp2_label="junction",
        temp2_crit=100000,
        temp3_input=48000,
        temp3_label="mem",
        temp3_crit=95000,
        in0_input=800,
        in0_label="vddgfx",
        freq1_input=300_000_000,
        freq1_label="sclk",
    ).items():
        write(h / k, v)
    (card).mkdir(parents=True, exist_ok=True)
    (d / "drm" / f"renderD{128 + i}").mkdir(exist_ok=True)
    write(card / "dev", f"226:{i}")
    write(d / f"drm/renderD{128 + i}/dev", f"226:{128 + i}")
    for n in (card, d / f"drm/renderD{128 + i}"):
        if not (n / "device").is_symlink():
            os.symlink("../../../" + bdf, n / "device")
    write(d / "uevent", f"DRIVER=amdgpu\nPCI_CLASS=38000\nPCI_ID={a.vendor[2:].upper()}:{a.device[2:].upper()}\nPCI_SLOT_NAME={bdf}")
    write(d / "class", "0x038000")
    write(d / "local_cpulist", "0-63")
    write(d / "local_cpus", "ffffffff")
    for cls, name in (("drm", f"card{i}"), ("drm", f"renderD{128 + i}")):
        l = R / "class" / cls / name
        l.parent.mkdir(parents=True, exist_ok=True)
        if not l.is_symlink():
            os.symlink(f"../../devices/{root}/{bdf}/drm/{name}", l)
    l = R / f"class/hwmon/hwmon{10 + i}"
    l.parent.mkdir(parents=True, exist_ok=True)
    if not l.is_symlink():
        os.symlink(f"../../devices/{root}/{bdf}/hwmon/hwmon{10 + i}", l)
    l = R / f"bus/pci/devices/{bdf}"
    l.parent.mkdir(parents=True, exist_ok=True)
    if not l.is_symlink():
        os.symlink(f"../../../devices/{root}/{bdf}", l)
    write(R / f"kernel/debug/dri/{i}/name", f"amdgpu dev={bdf} unique={bdf}")
    write(R / f"kernel/debug/dri/{i}/amdgpu_pm_info", f"\t100.0 W (average GPU)\n")

K = R / "class/kfd/kfd"
N = K / "topology/nodes"


def links(node, lst):
    for j, (to, typ, wt) in enumerate(lst):
        write(
            N / str(node) / f"io_links/{j}/properties",
            f"type {typ}\nversion_major 0\nversion_minor 0\nnode_from {node}\nnode_to {to}\n"
            f"weight {wt}\nmin_latency 0\nmax_latency 0\nmin_bandwidth 312\nmax_bandwidth 64000\nrecommended_transfer_size 0\nflags 1",
        )


GP0 = a.numa
for n in range(a.numa):
    write(N / f"{n}/gpu_id", 0)
    write(N / f"{n}/name", "")
    l = [(m, 4, 32) for m in range(a.numa) if m != n] + [(GP0 + i, 2, 20) for i, (b, nu) in enumerate(buses) if nu == n]
    write(
        N / f"{n}/properties",
        f"cpu_cores_count 64\nsimd_count 0\nmem_banks_count 1\ncaches_count 0\nio_links_count {len(l)}\nlocation_id 0\ndomain 0\ndrm_render_minor 0\nhive_id 0\narray_count 0\nsimd_arrays_per_engine 0\ncu_per_simd_array 0",
    )
    links(n, l)
for i, (b, nu) in enumerate(buses):
    n = GP0 + i
    write(N / f"{n}/gpu_id", 10000 + i)
    write(N / f"{n}/name", "gfx928")
    # PCIe-only box: io_links hold GPU->CPU only.  A GPU->GPU io_link whose type is not XGMI(11) trips
    # assert(false) in librocm_smi64 5.2.3 rsmi_topo_get_link_type() and ABORTS the caller (Debian keeps asserts).
    l = [(nu, 2, 20)] + [(GP0 + j, 11 if a.xgmi else 2, 15) for j in range(a.cards) if j != i and (a.xgmi or a.pcie_links)]
    write(
        N / f"{n}/properties",
        f"cpu_cores_count 0\nsimd_count 480\nmem_banks_count 1\ncaches_count 0\nio_links_count {len(l)}\nmax_waves_per_simd 10\nlds_size_in_kb 64\nwave_front_size 64\narray_count 8\nsimd_arrays_per_engine 1\ncu_per_simd_array 15\nsimd_per_cu 4\nvendor_id {int(a.vendor,16)}\ndevice_id {int(a.device,16)}\nlocation_id {b << 8}\ndomain 0\ndrm_render_minor {128 + i}\nhive_id 0\nnum_sdma_engines 2\nmax_engine_clk_fcompute 1500\nlocal_mem_size {a.vram}\nfw_version 1\ncapability 0\nunique_id {0x1d94000000000000 + i}",
    )
    links(n, l)
    write(N / f"{n}/mem_banks/0/properties", f"heap_type 1\nsize_in_bytes {a.vram}\nflags 0\nwidth 4096\nmem_clk_max 900")
write(K / "topology/generation_id", 2)
write(K / "topology/system_properties", "platform_oem 0\nplatform_id 0\nplatform_rev 0")
(K / "proc").mkdir(parents=True, exist_ok=True)
write(R / "module/amdgpu/version", "6.2.35")
write(R / "module/amdgpu/initstate", "live")
write(R / "module/amdgpu/refcnt", 1)
# There also without cards.
for folder in ("class/drm", "class/hwmon", "bus/pci/devices", "devices/none", "kernel/debug"):
    (R / folder).mkdir(parents=True, exist_ok=True)
print(f"{a.cards} cards under {R}")
