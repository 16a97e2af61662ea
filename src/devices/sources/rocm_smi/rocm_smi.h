/* What dcudeck calls of librocm_smi64, AMD's (5.x to 6.x) and Hygon's.
 *
 * Own-written, and deliberately not any vendor's header: the structures differ in size between releases and vendors
 * (frequencies 264 or 280 bytes, error counts 16 or 64), so only scalars and buffers larger than any of them are named here, and
 * the library can never write past what it is given. Parameters that a vendor declares as enumeration are int32_t: the same
 * register. Every function gives a status, 0 is success.
 *
 * rocm_smi.rs's bindings are made from this file:  DCUDECK_UPDATE=1 cargo test --test it bindings
 */
#include <stddef.h>
#include <stdint.h>

/* Room for every structure of every version (the largest known has 1832 bytes), aligned for all of them. */
typedef struct {
    uint64_t words[512];
} rsmi_room;

int32_t rsmi_init(uint64_t flags);
int32_t rsmi_shut_down(void);
int32_t rsmi_num_monitor_devices(uint32_t *count);
int32_t rsmi_version_get(rsmi_room *version); /* three uint32_t, then a pointer */

/* identity */
int32_t rsmi_dev_pci_id_get(uint32_t card, uint64_t *id);
int32_t rsmi_dev_id_get(uint32_t card, uint16_t *id);
int32_t rsmi_dev_vendor_id_get(uint32_t card, uint16_t *id);
int32_t rsmi_dev_name_get(uint32_t card, char *name, size_t size);
int32_t rsmi_dev_unique_id_get(uint32_t card, uint64_t *id);
int32_t rsmi_dev_serial_number_get(uint32_t card, char *serial, uint32_t size);
int32_t rsmi_dev_vbios_version_get(uint32_t card, char *version, uint32_t size);
int32_t rsmi_dev_drm_render_minor_get(uint32_t card, uint32_t *minor);
int32_t rsmi_topo_numa_affinity_get(uint32_t card, int32_t *node);
int32_t rsmi_topo_get_link_type(uint32_t from, uint32_t to, uint64_t *hops, int32_t *type);
int32_t rsmi_topo_get_link_weight(uint32_t from, uint32_t to, uint64_t *weight);

/* readings */
int32_t rsmi_dev_busy_percent_get(uint32_t card, uint32_t *percent);
int32_t rsmi_dev_memory_busy_percent_get(uint32_t card, uint32_t *percent);
int32_t rsmi_dev_memory_total_get(uint32_t card, int32_t kind, uint64_t *bytes);
int32_t rsmi_dev_memory_usage_get(uint32_t card, int32_t kind, uint64_t *bytes);
int32_t rsmi_dev_memory_reserved_pages_get(uint32_t card, uint32_t *count, rsmi_room *records); /* records may be NULL */
int32_t rsmi_dev_temp_metric_get(uint32_t card, uint32_t sensor, int32_t metric, int64_t *millidegrees);
int32_t rsmi_dev_volt_metric_get(uint32_t card, int32_t sensor, int32_t metric, int64_t *millivolts);
int32_t rsmi_dev_power_ave_get(uint32_t card, uint32_t sensor, uint64_t *microwatts);
int32_t rsmi_dev_power_get(uint32_t card, uint64_t *microwatts, int32_t *kind); /* 6.x and Hygon */
int32_t rsmi_dev_power_cap_get(uint32_t card, uint32_t sensor, uint64_t *microwatts);
int32_t rsmi_dev_energy_count_get(uint32_t card, uint64_t *ticks, float *microjoules_a_tick, uint64_t *nanoseconds);
int32_t rsmi_dev_gpu_clk_freq_get(uint32_t card, int32_t clock, rsmi_room *frequencies);
int32_t rsmi_dev_fan_speed_get(uint32_t card, uint32_t sensor, int64_t *speed);
int32_t rsmi_dev_fan_speed_max_get(uint32_t card, uint32_t sensor, uint64_t *speed);
int32_t rsmi_dev_fan_rpms_get(uint32_t card, uint32_t sensor, int64_t *rpm);
int32_t rsmi_dev_ecc_count_get(uint32_t card, uint64_t block, rsmi_room *counts);
int32_t rsmi_dev_pci_replay_counter_get(uint32_t card, uint64_t *count);
int32_t rsmi_dev_perf_level_get(uint32_t card, int32_t *level);

/* processes: 32 bytes each in every version */
int32_t rsmi_compute_process_info_get(rsmi_room *processes, uint32_t *count);
int32_t rsmi_compute_process_info_by_pid_get(uint32_t pid, rsmi_room *process);
int32_t rsmi_compute_process_gpus_get(uint32_t pid, uint32_t *cards, uint32_t *count);
int32_t rsmi_compute_process_info_by_device_get(uint32_t pid, uint32_t card, rsmi_room *process); /* 6.x and Hygon */

/* Hygon only */
int32_t rsmi_dev_cu_num_get(uint32_t card, int32_t *count);
int32_t rsmi_dev_cu_usage_get(uint32_t card, float *usage);
int32_t rsmi_dev_hcu_util_get(uint32_t card, uint32_t milliseconds, float *usage); /* blocks for that long */
int32_t rsmi_dev_proc_usage_get(uint32_t pid, uint32_t card, float *usage);
