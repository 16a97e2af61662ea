// Made from rocm_smi.h: DCUDECK_UPDATE=1 cargo test --test it bindings

#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct rsmi_room {
    pub words: [u64; 512usize],
}
pub struct Rsmi {
    __library: ::libloading::Library,
    pub rsmi_init: Result<unsafe extern "C" fn(flags: u64) -> i32, ::libloading::Error>,
    pub rsmi_shut_down: Result<unsafe extern "C" fn() -> i32, ::libloading::Error>,
    pub rsmi_num_monitor_devices: Result<unsafe extern "C" fn(count: *mut u32) -> i32, ::libloading::Error>,
    pub rsmi_version_get: Result<unsafe extern "C" fn(version: *mut rsmi_room) -> i32, ::libloading::Error>,
    pub rsmi_dev_pci_id_get: Result<unsafe extern "C" fn(card: u32, id: *mut u64) -> i32, ::libloading::Error>,
    pub rsmi_dev_id_get: Result<unsafe extern "C" fn(card: u32, id: *mut u16) -> i32, ::libloading::Error>,
    pub rsmi_dev_vendor_id_get: Result<unsafe extern "C" fn(card: u32, id: *mut u16) -> i32, ::libloading::Error>,
    pub rsmi_dev_name_get:
        Result<unsafe extern "C" fn(card: u32, name: *mut ::std::os::raw::c_char, size: usize) -> i32, ::libloading::Error>,
    pub rsmi_dev_unique_id_get: Result<unsafe extern "C" fn(card: u32, id: *mut u64) -> i32, ::libloading::Error>,
    pub rsmi_dev_serial_number_get:
        Result<unsafe extern "C" fn(card: u32, serial: *mut ::std::os::raw::c_char, size: u32) -> i32, ::libloading::Error>,
    pub rsmi_dev_vbios_version_get:
        Result<unsafe extern "C" fn(card: u32, version: *mut ::std::os::raw::c_char, size: u32) -> i32, ::libloading::Error>,
    pub rsmi_dev_drm_render_minor_get: Result<unsafe extern "C" fn(card: u32, minor: *mut u32) -> i32, ::libloading::Error>,
    pub rsmi_topo_numa_affinity_get: Result<unsafe extern "C" fn(card: u32, node: *mut i32) -> i32, ::libloading::Error>,
    pub rsmi_topo_get_link_type:
        Result<unsafe extern "C" fn(from: u32, to: u32, hops: *mut u64, type_: *mut i32) -> i32, ::libloading::Error>,
    pub rsmi_topo_get_link_weight: Result<unsafe extern "C" fn(from: u32, to: u32, weight: *mut u64) -> i32, ::libloading::Error>,
    pub rsmi_dev_busy_percent_get: Result<unsafe extern "C" fn(card: u32, percent: *mut u32) -> i32, ::libloading::Error>,
    pub rsmi_dev_memory_busy_percent_get: Result<unsafe extern "C" fn(card: u32, percent: *mut u32) -> i32, ::libloading::Error>,
    pub rsmi_dev_memory_total_get: Result<unsafe extern "C" fn(card: u32, kind: i32, bytes: *mut u64) -> i32, ::libloading::Error>,
    pub rsmi_dev_memory_usage_get: Result<unsafe extern "C" fn(card: u32, kind: i32, bytes: *mut u64) -> i32, ::libloading::Error>,
    pub rsmi_dev_memory_reserved_pages_get:
        Result<unsafe extern "C" fn(card: u32, count: *mut u32, records: *mut rsmi_room) -> i32, ::libloading::Error>,
    pub rsmi_dev_temp_metric_get:
        Result<unsafe extern "C" fn(card: u32, sensor: u32, metric: i32, millidegrees: *mut i64) -> i32, ::libloading::Error>,
    pub rsmi_dev_volt_metric_get:
        Result<unsafe extern "C" fn(card: u32, sensor: i32, metric: i32, millivolts: *mut i64) -> i32, ::libloading::Error>,
    pub rsmi_dev_power_ave_get: Result<unsafe extern "C" fn(card: u32, sensor: u32, microwatts: *mut u64) -> i32, ::libloading::Error>,
    pub rsmi_dev_power_get: Result<unsafe extern "C" fn(card: u32, microwatts: *mut u64, kind: *mut i32) -> i32, ::libloading::Error>,
    pub rsmi_dev_power_cap_get: Result<unsafe extern "C" fn(card: u32, sensor: u32, microwatts: *mut u64) -> i32, ::libloading::Error>,
    pub rsmi_dev_energy_count_get: Result<
        unsafe extern "C" fn(card: u32, ticks: *mut u64, microjoules_a_tick: *mut f32, nanoseconds: *mut u64) -> i32,
        ::libloading::Error,
    >,
    pub rsmi_dev_gpu_clk_freq_get:
        Result<unsafe extern "C" fn(card: u32, clock: i32, frequencies: *mut rsmi_room) -> i32, ::libloading::Error>,
    pub rsmi_dev_fan_speed_get: Result<unsafe extern "C" fn(card: u32, sensor: u32, speed: *mut i64) -> i32, ::libloading::Error>,
    pub rsmi_dev_fan_speed_max_get: Result<unsafe extern "C" fn(card: u32, sensor: u32, speed: *mut u64) -> i32, ::libloading::Error>,
    pub rsmi_dev_fan_rpms_get: Result<unsafe extern "C" fn(card: u32, sensor: u32, rpm: *mut i64) -> i32, ::libloading::Error>,
    pub rsmi_dev_ecc_count_get: Result<unsafe extern "C" fn(card: u32, block: u64, counts: *mut rsmi_room) -> i32, ::libloading::Error>,
    pub rsmi_dev_pci_replay_counter_get: Result<unsafe extern "C" fn(card: u32, count: *mut u64) -> i32, ::libloading::Error>,
    pub rsmi_dev_perf_level_get: Result<unsafe extern "C" fn(card: u32, level: *mut i32) -> i32, ::libloading::Error>,
    pub rsmi_compute_process_info_get: Result<unsafe extern "C" fn(processes: *mut rsmi_room, count: *mut u32) -> i32, ::libloading::Error>,
    pub rsmi_compute_process_info_by_pid_get: Result<unsafe extern "C" fn(pid: u32, process: *mut rsmi_room) -> i32, ::libloading::Error>,
    pub rsmi_compute_process_gpus_get: Result<unsafe extern "C" fn(pid: u32, cards: *mut u32, count: *mut u32) -> i32, ::libloading::Error>,
    pub rsmi_compute_process_info_by_device_get:
        Result<unsafe extern "C" fn(pid: u32, card: u32, process: *mut rsmi_room) -> i32, ::libloading::Error>,
    pub rsmi_dev_cu_num_get: Result<unsafe extern "C" fn(card: u32, count: *mut i32) -> i32, ::libloading::Error>,
    pub rsmi_dev_cu_usage_get: Result<unsafe extern "C" fn(card: u32, usage: *mut f32) -> i32, ::libloading::Error>,
    pub rsmi_dev_hcu_util_get: Result<unsafe extern "C" fn(card: u32, milliseconds: u32, usage: *mut f32) -> i32, ::libloading::Error>,
    pub rsmi_dev_proc_usage_get: Result<unsafe extern "C" fn(pid: u32, card: u32, usage: *mut f32) -> i32, ::libloading::Error>,
}
impl Rsmi {
    pub unsafe fn new<P>(path: P) -> Result<Self, ::libloading::Error>
    where
        P: AsRef<::std::ffi::OsStr>,
    {
        let library = ::libloading::Library::new(path)?;
        Self::from_library(library)
    }
    pub unsafe fn from_library<L>(library: L) -> Result<Self, ::libloading::Error>
    where
        L: Into<::libloading::Library>,
    {
        let __library = library.into();
        let rsmi_init = __library.get(b"rsmi_init\0").map(|sym| *sym);
        let rsmi_shut_down = __library.get(b"rsmi_shut_down\0").map(|sym| *sym);
        let rsmi_num_monitor_devices = __library.get(b"rsmi_num_monitor_devices\0").map(|sym| *sym);
        let rsmi_version_get = __library.get(b"rsmi_version_get\0").map(|sym| *sym);
        let rsmi_dev_pci_id_get = __library.get(b"rsmi_dev_pci_id_get\0").map(|sym| *sym);
        let rsmi_dev_id_get = __library.get(b"rsmi_dev_id_get\0").map(|sym| *sym);
        let rsmi_dev_vendor_id_get = __library.get(b"rsmi_dev_vendor_id_get\0").map(|sym| *sym);
        let rsmi_dev_name_get = __library.get(b"rsmi_dev_name_get\0").map(|sym| *sym);
        let rsmi_dev_unique_id_get = __library.get(b"rsmi_dev_unique_id_get\0").map(|sym| *sym);
        let rsmi_dev_serial_number_get = __library.get(b"rsmi_dev_serial_number_get\0").map(|sym| *sym);
        let rsmi_dev_vbios_version_get = __library.get(b"rsmi_dev_vbios_version_get\0").map(|sym| *sym);
        let rsmi_dev_drm_render_minor_get = __library.get(b"rsmi_dev_drm_render_minor_get\0").map(|sym| *sym);
        let rsmi_topo_numa_affinity_get = __library.get(b"rsmi_topo_numa_affinity_get\0").map(|sym| *sym);
        let rsmi_topo_get_link_type = __library.get(b"rsmi_topo_get_link_type\0").map(|sym| *sym);
        let rsmi_topo_get_link_weight = __library.get(b"rsmi_topo_get_link_weight\0").map(|sym| *sym);
        let rsmi_dev_busy_percent_get = __library.get(b"rsmi_dev_busy_percent_get\0").map(|sym| *sym);
        let rsmi_dev_memory_busy_percent_get = __library.get(b"rsmi_dev_memory_busy_percent_get\0").map(|sym| *sym);
        let rsmi_dev_memory_total_get = __library.get(b"rsmi_dev_memory_total_get\0").map(|sym| *sym);
        let rsmi_dev_memory_usage_get = __library.get(b"rsmi_dev_memory_usage_get\0").map(|sym| *sym);
        let rsmi_dev_memory_reserved_pages_get = __library.get(b"rsmi_dev_memory_reserved_pages_get\0").map(|sym| *sym);
        let rsmi_dev_temp_metric_get = __library.get(b"rsmi_dev_temp_metric_get\0").map(|sym| *sym);
        let rsmi_dev_volt_metric_get = __library.get(b"rsmi_dev_volt_metric_get\0").map(|sym| *sym);
        let rsmi_dev_power_ave_get = __library.get(b"rsmi_dev_power_ave_get\0").map(|sym| *sym);
        let rsmi_dev_power_get = __library.get(b"rsmi_dev_power_get\0").map(|sym| *sym);
        let rsmi_dev_power_cap_get = __library.get(b"rsmi_dev_power_cap_get\0").map(|sym| *sym);
        let rsmi_dev_energy_count_get = __library.get(b"rsmi_dev_energy_count_get\0").map(|sym| *sym);
        let rsmi_dev_gpu_clk_freq_get = __library.get(b"rsmi_dev_gpu_clk_freq_get\0").map(|sym| *sym);
        let rsmi_dev_fan_speed_get = __library.get(b"rsmi_dev_fan_speed_get\0").map(|sym| *sym);
        let rsmi_dev_fan_speed_max_get = __library.get(b"rsmi_dev_fan_speed_max_get\0").map(|sym| *sym);
        let rsmi_dev_fan_rpms_get = __library.get(b"rsmi_dev_fan_rpms_get\0").map(|sym| *sym);
        let rsmi_dev_ecc_count_get = __library.get(b"rsmi_dev_ecc_count_get\0").map(|sym| *sym);
        let rsmi_dev_pci_replay_counter_get = __library.get(b"rsmi_dev_pci_replay_counter_get\0").map(|sym| *sym);
        let rsmi_dev_perf_level_get = __library.get(b"rsmi_dev_perf_level_get\0").map(|sym| *sym);
        let rsmi_compute_process_info_get = __library.get(b"rsmi_compute_process_info_get\0").map(|sym| *sym);
        let rsmi_compute_process_info_by_pid_get = __library.get(b"rsmi_compute_process_info_by_pid_get\0").map(|sym| *sym);
        let rsmi_compute_process_gpus_get = __library.get(b"rsmi_compute_process_gpus_get\0").map(|sym| *sym);
        let rsmi_compute_process_info_by_device_get = __library.get(b"rsmi_compute_process_info_by_device_get\0").map(|sym| *sym);
        let rsmi_dev_cu_num_get = __library.get(b"rsmi_dev_cu_num_get\0").map(|sym| *sym);
        let rsmi_dev_cu_usage_get = __library.get(b"rsmi_dev_cu_usage_get\0").map(|sym| *sym);
        let rsmi_dev_hcu_util_get = __library.get(b"rsmi_dev_hcu_util_get\0").map(|sym| *sym);
        let rsmi_dev_proc_usage_get = __library.get(b"rsmi_dev_proc_usage_get\0").map(|sym| *sym);
        Ok(Rsmi {
            __library,
            rsmi_init,
            rsmi_shut_down,
            rsmi_num_monitor_devices,
            rsmi_version_get,
            rsmi_dev_pci_id_get,
            rsmi_dev_id_get,
            rsmi_dev_vendor_id_get,
            rsmi_dev_name_get,
            rsmi_dev_unique_id_get,
            rsmi_dev_serial_number_get,
            rsmi_dev_vbios_version_get,
            rsmi_dev_drm_render_minor_get,
            rsmi_topo_numa_affinity_get,
            rsmi_topo_get_link_type,
            rsmi_topo_get_link_weight,
            rsmi_dev_busy_percent_get,
            rsmi_dev_memory_busy_percent_get,
            rsmi_dev_memory_total_get,
            rsmi_dev_memory_usage_get,
            rsmi_dev_memory_reserved_pages_get,
            rsmi_dev_temp_metric_get,
            rsmi_dev_volt_metric_get,
            rsmi_dev_power_ave_get,
            rsmi_dev_power_get,
            rsmi_dev_power_cap_get,
            rsmi_dev_energy_count_get,
            rsmi_dev_gpu_clk_freq_get,
            rsmi_dev_fan_speed_get,
            rsmi_dev_fan_speed_max_get,
            rsmi_dev_fan_rpms_get,
            rsmi_dev_ecc_count_get,
            rsmi_dev_pci_replay_counter_get,
            rsmi_dev_perf_level_get,
            rsmi_compute_process_info_get,
            rsmi_compute_process_info_by_pid_get,
            rsmi_compute_process_gpus_get,
            rsmi_compute_process_info_by_device_get,
            rsmi_dev_cu_num_get,
            rsmi_dev_cu_usage_get,
            rsmi_dev_hcu_util_get,
            rsmi_dev_proc_usage_get,
        })
    }
    pub unsafe fn rsmi_init(&self, flags: u64) -> i32 {
        (self.rsmi_init.as_ref().expect("Expected function, got error."))(flags)
    }
    pub unsafe fn rsmi_shut_down(&self) -> i32 {
        (self.rsmi_shut_down.as_ref().expect("Expected function, got error."))()
    }
    pub unsafe fn rsmi_num_monitor_devices(&self, count: *mut u32) -> i32 {
        (self.rsmi_num_monitor_devices.as_ref().expect("Expected function, got error."))(count)
    }
    pub unsafe fn rsmi_version_get(&self, version: *mut rsmi_room) -> i32 {
        (self.rsmi_version_get.as_ref().expect("Expected function, got error."))(version)
    }
    pub unsafe fn rsmi_dev_pci_id_get(&self, card: u32, id: *mut u64) -> i32 {
        (self.rsmi_dev_pci_id_get.as_ref().expect("Expected function, got error."))(card, id)
    }
    pub unsafe fn rsmi_dev_id_get(&self, card: u32, id: *mut u16) -> i32 {
        (self.rsmi_dev_id_get.as_ref().expect("Expected function, got error."))(card, id)
    }
    pub unsafe fn rsmi_dev_vendor_id_get(&self, card: u32, id: *mut u16) -> i32 {
        (self.rsmi_dev_vendor_id_get.as_ref().expect("Expected function, got error."))(card, id)
    }
    pub unsafe fn rsmi_dev_name_get(&self, card: u32, name: *mut ::std::os::raw::c_char, size: usize) -> i32 {
        (self.rsmi_dev_name_get.as_ref().expect("Expected function, got error."))(card, name, size)
    }
    pub unsafe fn rsmi_dev_unique_id_get(&self, card: u32, id: *mut u64) -> i32 {
        (self.rsmi_dev_unique_id_get.as_ref().expect("Expected function, got error."))(card, id)
    }
    pub unsafe fn rsmi_dev_serial_number_get(&self, card: u32, serial: *mut ::std::os::raw::c_char, size: u32) -> i32 {
        (self.rsmi_dev_serial_number_get.as_ref().expect("Expected function, got error."))(card, serial, size)
    }
    pub unsafe fn rsmi_dev_vbios_version_get(&self, card: u32, version: *mut ::std::os::raw::c_char, size: u32) -> i32 {
        (self.rsmi_dev_vbios_version_get.as_ref().expect("Expected function, got error."))(card, version, size)
    }
    pub unsafe fn rsmi_dev_drm_render_minor_get(&self, card: u32, minor: *mut u32) -> i32 {
        (self.rsmi_dev_drm_render_minor_get.as_ref().expect("Expected function, got error."))(card, minor)
    }
    pub unsafe fn rsmi_topo_numa_affinity_get(&self, card: u32, node: *mut i32) -> i32 {
        (self.rsmi_topo_numa_affinity_get.as_ref().expect("Expected function, got error."))(card, node)
    }
    pub unsafe fn rsmi_topo_get_link_type(&self, from: u32, to: u32, hops: *mut u64, type_: *mut i32) -> i32 {
        (self.rsmi_topo_get_link_type.as_ref().expect("Expected function, got error."))(from, to, hops, type_)
    }
    pub unsafe fn rsmi_topo_get_link_weight(&self, from: u32, to: u32, weight: *mut u64) -> i32 {
        (self.rsmi_topo_get_link_weight.as_ref().expect("Expected function, got error."))(from, to, weight)
    }
    pub unsafe fn rsmi_dev_busy_percent_get(&self, card: u32, percent: *mut u32) -> i32 {
        (self.rsmi_dev_busy_percent_get.as_ref().expect("Expected function, got error."))(card, percent)
    }
    pub unsafe fn rsmi_dev_memory_busy_percent_get(&self, card: u32, percent: *mut u32) -> i32 {
        (self.rsmi_dev_memory_busy_percent_get.as_ref().expect("Expected function, got error."))(card, percent)
    }
    pub unsafe fn rsmi_dev_memory_total_get(&self, card: u32, kind: i32, bytes: *mut u64) -> i32 {
        (self.rsmi_dev_memory_total_get.as_ref().expect("Expected function, got error."))(card, kind, bytes)
    }
    pub unsafe fn rsmi_dev_memory_usage_get(&self, card: u32, kind: i32, bytes: *mut u64) -> i32 {
        (self.rsmi_dev_memory_usage_get.as_ref().expect("Expected function, got error."))(card, kind, bytes)
    }
    pub unsafe fn rsmi_dev_memory_reserved_pages_get(&self, card: u32, count: *mut u32, records: *mut rsmi_room) -> i32 {
        (self.rsmi_dev_memory_reserved_pages_get.as_ref().expect("Expected function, got error."))(card, count, records)
    }
    pub unsafe fn rsmi_dev_temp_metric_get(&self, card: u32, sensor: u32, metric: i32, millidegrees: *mut i64) -> i32 {
        (self.rsmi_dev_temp_metric_get.as_ref().expect("Expected function, got error."))(card, sensor, metric, millidegrees)
    }
    pub unsafe fn rsmi_dev_volt_metric_get(&self, card: u32, sensor: i32, metric: i32, millivolts: *mut i64) -> i32 {
        (self.rsmi_dev_volt_metric_get.as_ref().expect("Expected function, got error."))(card, sensor, metric, millivolts)
    }
    pub unsafe fn rsmi_dev_power_ave_get(&self, card: u32, sensor: u32, microwatts: *mut u64) -> i32 {
        (self.rsmi_dev_power_ave_get.as_ref().expect("Expected function, got error."))(card, sensor, microwatts)
    }
    pub unsafe fn rsmi_dev_power_get(&self, card: u32, microwatts: *mut u64, kind: *mut i32) -> i32 {
        (self.rsmi_dev_power_get.as_ref().expect("Expected function, got error."))(card, microwatts, kind)
    }
    pub unsafe fn rsmi_dev_power_cap_get(&self, card: u32, sensor: u32, microwatts: *mut u64) -> i32 {
        (self.rsmi_dev_power_cap_get.as_ref().expect("Expected function, got error."))(card, sensor, microwatts)
    }
    pub unsafe fn rsmi_dev_energy_count_get(&self, card: u32, ticks: *mut u64, microjoules_a_tick: *mut f32, nanoseconds: *mut u64) -> i32 {
        (self.rsmi_dev_energy_count_get.as_ref().expect("Expected function, got error."))(card, ticks, microjoules_a_tick, nanoseconds)
    }
    pub unsafe fn rsmi_dev_gpu_clk_freq_get(&self, card: u32, clock: i32, frequencies: *mut rsmi_room) -> i32 {
        (self.rsmi_dev_gpu_clk_freq_get.as_ref().expect("Expected function, got error."))(card, clock, frequencies)
    }
    pub unsafe fn rsmi_dev_fan_speed_get(&self, card: u32, sensor: u32, speed: *mut i64) -> i32 {
        (self.rsmi_dev_fan_speed_get.as_ref().expect("Expected function, got error."))(card, sensor, speed)
    }
    pub unsafe fn rsmi_dev_fan_speed_max_get(&self, card: u32, sensor: u32, speed: *mut u64) -> i32 {
        (self.rsmi_dev_fan_speed_max_get.as_ref().expect("Expected function, got error."))(card, sensor, speed)
    }
    pub unsafe fn rsmi_dev_fan_rpms_get(&self, card: u32, sensor: u32, rpm: *mut i64) -> i32 {
        (self.rsmi_dev_fan_rpms_get.as_ref().expect("Expected function, got error."))(card, sensor, rpm)
    }
    pub unsafe fn rsmi_dev_ecc_count_get(&self, card: u32, block: u64, counts: *mut rsmi_room) -> i32 {
        (self.rsmi_dev_ecc_count_get.as_ref().expect("Expected function, got error."))(card, block, counts)
    }
    pub unsafe fn rsmi_dev_pci_replay_counter_get(&self, card: u32, count: *mut u64) -> i32 {
        (self.rsmi_dev_pci_replay_counter_get.as_ref().expect("Expected function, got error."))(card, count)
    }
    pub unsafe fn rsmi_dev_perf_level_get(&self, card: u32, level: *mut i32) -> i32 {
        (self.rsmi_dev_perf_level_get.as_ref().expect("Expected function, got error."))(card, level)
    }
    pub unsafe fn rsmi_compute_process_info_get(&self, processes: *mut rsmi_room, count: *mut u32) -> i32 {
        (self.rsmi_compute_process_info_get.as_ref().expect("Expected function, got error."))(processes, count)
    }
    pub unsafe fn rsmi_compute_process_info_by_pid_get(&self, pid: u32, process: *mut rsmi_room) -> i32 {
        (self.rsmi_compute_process_info_by_pid_get.as_ref().expect("Expected function, got error."))(pid, process)
    }
    pub unsafe fn rsmi_compute_process_gpus_get(&self, pid: u32, cards: *mut u32, count: *mut u32) -> i32 {
        (self.rsmi_compute_process_gpus_get.as_ref().expect("Expected function, got error."))(pid, cards, count)
    }
    pub unsafe fn rsmi_compute_process_info_by_device_get(&self, pid: u32, card: u32, process: *mut rsmi_room) -> i32 {
        (self.rsmi_compute_process_info_by_device_get.as_ref().expect("Expected function, got error."))(pid, card, process)
    }
    pub unsafe fn rsmi_dev_cu_num_get(&self, card: u32, count: *mut i32) -> i32 {
        (self.rsmi_dev_cu_num_get.as_ref().expect("Expected function, got error."))(card, count)
    }
    pub unsafe fn rsmi_dev_cu_usage_get(&self, card: u32, usage: *mut f32) -> i32 {
        (self.rsmi_dev_cu_usage_get.as_ref().expect("Expected function, got error."))(card, usage)
    }
    pub unsafe fn rsmi_dev_hcu_util_get(&self, card: u32, milliseconds: u32, usage: *mut f32) -> i32 {
        (self.rsmi_dev_hcu_util_get.as_ref().expect("Expected function, got error."))(card, milliseconds, usage)
    }
    pub unsafe fn rsmi_dev_proc_usage_get(&self, pid: u32, card: u32, usage: *mut f32) -> i32 {
        (self.rsmi_dev_proc_usage_get.as_ref().expect("Expected function, got error."))(pid, card, usage)
    }
}
