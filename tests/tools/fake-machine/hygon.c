/* Stand-in for Hygon's librocm_smi64.so.2 (DTK/hyhal): the AMD-6.x ABI (280 B frequencies, rsmi_dev_power_get) plus the
 * Hygon-only calls, reading the same fake sysfs tree.  Root from $DCU_STUB_ROOT (default /sys), no namespace needed.
 * gcc -shared -fPIC -O2 -Wl,-soname,librocm_smi64.so.2 -o librocm_smi64.so.2 hygon.c
 * $DCU_STUB_FAIL="name=status,..." forces a return code for a call; $DCU_STUB_HANG_MS delays rsmi_dev_busy_percent_get. */
#include <dirent.h>
#include <glob.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
typedef int32_t status;
enum { OK = 0, ARGS = 1, NSUP = 2, FILE_E = 3, OOB = 7, INIT = 8, NOTFOUND = 10, NODATA = 14 };
static int inited;
static unsigned n;
static char dir[64][PATH_MAX];
static const char *root(void) {
    const char *r = getenv("DCU_STUB_ROOT");
    return r ? r : "/sys";
}

static status forced(const char *f) {
    const char *e = getenv("DCU_STUB_FAIL");
    size_t l = strlen(f);
    for (; e && *e;) {
        if (!strncmp(e, f, l) && e[l] == '=')
            return atoi(e + l + 1);
        e = strchr(e, ',');
        if (e)
            e++;
    }
    return -1;
}

#define ENTER(i)                                                                                                                 \
    do {                                                                                                                         \
        status x_ = forced(__func__);                                                                                                \
        if (x_ >= 0)                                                                                                             \
            return x_;                                                                                                           \
        if (!inited)                                                                                                             \
            return INIT;                                                                                                         \
        if ((i) >= n)                                                                                                            \
            return ARGS;                                                                                                         \
    } while (0)
static status read_text(unsigned i, const char *f, char *b, size_t l) {
    char p[PATH_MAX + 64];
    glob_t g;
    snprintf(p, sizeof p, "%s/%s", dir[i], f);
    if (glob(p, 0, 0, &g))
        return NSUP;
    FILE *h = fopen(g.gl_pathv[0], "r");
    globfree(&g);
    if (!h)
        return FILE_E;
    size_t k = fread(b, 1, l - 1, h);
    fclose(h);
    b[k] = 0;
    while (k && (b[k - 1] == '\n' || b[k - 1] == ' '))
        b[--k] = 0;
    return OK;
}

static status read_number(unsigned i, const char *f, uint64_t *v, int base) {
    char b[256];
    status r = read_text(i, f, b, sizeof b);
    if (!r)
        *v = strtoull(b, 0, base);
    return r;
}

static int cmp(const void *a, const void *b) {
    return strcmp(a, b);
}

status rsmi_init(uint64_t fl) {
    (void)fl;
    status x = forced("rsmi_init");
    if (x >= 0)
        return x;
    glob_t g;
    char p[PATH_MAX];
    snprintf(p, sizeof p, "%s/devices/pci*/*/drm/card[0-9]*", root());
    n = 0;
    if (!glob(p, 0, 0, &g)) {
        for (size_t k = 0; k < g.gl_pathc && n < 64; k++) {
            char *q = g.gl_pathv[k];
            char *d = strstr(q, "/drm/card");
            snprintf(dir[n++], PATH_MAX, "%.*s", (int)(d - q), q);
        }
        globfree(&g);
    }
    qsort(dir, n, PATH_MAX, cmp);
    inited = 1;
    return n ? OK : INIT;
}

status rsmi_shut_down(void) {
    inited = 0;
    return OK;
}

status rsmi_version_get(void *v) {
    struct {
        uint32_t a, b, c;
        const char *s;
    } *q = v;
    q->a = 7;
    q->b = 6;
    q->c = 0;
    q->s = "stub";
    return OK;
}

status rsmi_status_string(status s, const char **o) {
    *o = s ? "stub error" : "RSMI_STATUS_SUCCESS";
    return OK;
}

status rsmi_num_monitor_devices(uint32_t *o) {
    if (!inited)
        return INIT;
    *o = n;
    return OK;
}

status rsmi_dev_name_get(uint32_t i, char *s, size_t l) {
    ENTER(i);
    return read_text(i, "product_name", s, l);
}

status rsmi_dev_serial_number_get(uint32_t i, char *s, uint32_t l) {
    ENTER(i);
    return read_text(i, "serial_number", s, l);
}

status rsmi_dev_vbios_version_get(uint32_t i, char *s, uint32_t l) {
    ENTER(i);
    return read_text(i, "vbios_version", s, l);
}

status rsmi_dev_id_get(uint32_t i, uint16_t *o) {
    ENTER(i);
    uint64_t v = 0;
    status r = read_number(i, "device", &v, 16);
    *o = v;
    return r;
}

status rsmi_dev_vendor_id_get(uint32_t i, uint16_t *o) {
    ENTER(i);
    uint64_t v = 0;
    status r = read_number(i, "vendor", &v, 16);
    *o = v;
    return r;
}

status rsmi_dev_unique_id_get(uint32_t i, uint64_t *o) {
    ENTER(i);
    return read_number(i, "unique_id", o, 16);
}

status rsmi_dev_pci_id_get(uint32_t i, uint64_t *o) {
    ENTER(i);
    unsigned D, b, d, f;
    sscanf(strrchr(dir[i], '/') + 1, "%x:%x:%x.%x", &D, &b, &d, &f);
    *o = (uint64_t)D << 32 | b << 8 | d << 3 | f;
    return OK;
}

status rsmi_topo_numa_affinity_get(uint32_t i, int32_t *o) {
    ENTER(i);
    uint64_t v = 0;
    status r = read_number(i, "numa_node", &v, 10);
    *o = v;
    return r;
}

status rsmi_topo_get_numa_node_number(uint32_t i, uint32_t *o) {
    return rsmi_topo_numa_affinity_get(i, (int32_t *)o);
}

status rsmi_dev_busy_percent_get(uint32_t i, uint32_t *o) {
    ENTER(i);
    const char *h = getenv("DCU_STUB_HANG_MS");
    if (h)
        usleep(atoi(h) * 1000);
    uint64_t v;
    status r = read_number(i, "gpu_busy_percent", &v, 10);
    if (!r)
        *o = v;
    return r;
}

status rsmi_dev_memory_busy_percent_get(uint32_t i, uint32_t *o) {
    ENTER(i);
    uint64_t v;
    status r = read_number(i, "mem_busy_percent", &v, 10);
    if (!r)
        *o = v;
    return r;
}

static const char *mt[] = {"vram", "vis_vram", "gtt"};
status rsmi_dev_memory_total_get(uint32_t i, int t, uint64_t *o) {
    ENTER(i);
    if (t < 0 || t > 2)
        return ARGS;
    char f[64];
    snprintf(f, 64, "mem_info_%s_total", mt[t]);
    return read_number(i, f, o, 10);
}

status rsmi_dev_memory_usage_get(uint32_t i, int t, uint64_t *o) {
    ENTER(i);
    if (t < 0 || t > 2)
        return ARGS;
    char f[64];
    snprintf(f, 64, "mem_info_%s_used", mt[t]);
    return read_number(i, f, o, 10);
}

status rsmi_dev_temp_metric_get(uint32_t i, uint32_t s, int m, int64_t *o) {
    ENTER(i);
    int k = s < 3 ? (int)s + 1 : s == 11 ? 1 : 0;
    if (!k)
        return NSUP;
    char f[64];
    snprintf(f, 64, "hwmon/hwmon*/temp%d_%s", k, m == 0 ? "input" : m == 5 ? "crit" : "none");
    return read_number(i, f, (uint64_t *)o, 10);
}

status rsmi_dev_power_ave_get(uint32_t i, uint32_t s, uint64_t *o) {
    (void)s;
    ENTER(i);
    return read_number(i, "hwmon/hwmon*/power1_average", o, 10);
}

status rsmi_dev_power_get(uint32_t i, uint64_t *o, int32_t *t) {
    ENTER(i);
    *t = 0;
    return read_number(i, "hwmon/hwmon*/power1_average", o, 10);
}

status rsmi_dev_power_cap_get(uint32_t i, uint32_t s, uint64_t *o) {
    (void)s;
    ENTER(i);
    return read_number(i, "hwmon/hwmon*/power1_cap", o, 10);
}

status rsmi_dev_perf_level_get(uint32_t i, int32_t *o) {
    ENTER(i);
    *o = 0;
    return OK;
}

status rsmi_dev_gpu_clk_freq_get(uint32_t i, int c, void *p) {
    ENTER(i);
    struct {
        uint8_t ds;
        uint32_t cnt, cur;
        uint64_t f[33];
    } *q = p;
    char b[1024];
    status r = read_text(i, c == 4 ? "pp_dpm_mclk" : c == 0 ? "pp_dpm_sclk" : "pp_dpm_none", b, sizeof b);
    if (r)
        return r;
    memset(q, 0, sizeof *q);
    for (char *s = strtok(b, "\n"); s && q->cnt < 33; s = strtok(0, "\n")) {
        unsigned x, m;
        if (sscanf(s, "%u: %uMhz", &x, &m) == 2) {
            if (strchr(s, '*'))
                q->cur = q->cnt;
            q->f[q->cnt++] = (uint64_t)m * 1000000;
        }
    }
    return OK;
}

status rsmi_dev_ecc_count_get(uint32_t i, uint64_t blk, void *p) {
    ENTER(i);
    uint64_t *e = p;
    char b[128];
    const char *f = blk == 1 ? "ras/umc_err_count" : blk == 2 ? "ras/sdma_err_count" : blk == 4 ? "ras/gfx_err_count" : 0;
    if (!f)
        return NSUP;
    status r = read_text(i, f, b, sizeof b);
    if (r)
        return r;
    memset(p, 0, 64);
    sscanf(b, "ue: %lu ce: %lu", &e[1], &e[0]);
    return OK;
}

status rsmi_dev_pci_replay_counter_get(uint32_t i, uint64_t *o) {
    ENTER(i);
    return read_number(i, "pcie_replay_count", o, 10);
}

status rsmi_dev_cu_num_get(uint32_t i, int *o) {
    ENTER(i);
    *o = 120;
    return OK;
}

static status util(uint32_t i, uint32_t ms, float *o, float k) {
    usleep(ms * 1000);
    uint64_t v;
    status r = read_number(i, "gpu_busy_percent", &v, 10);
    if (!r)
        *o = v * k;
    return r;
}

status rsmi_dev_cu_usage_get(uint32_t i, float *o) {
    ENTER(i);
    return util(i, 0, o, 0.8f);
}

status rsmi_dev_hcu_util_get(uint32_t i, uint32_t ms, float *o) {
    ENTER(i);
    return util(i, ms, o, 1.0f);
}

status rsmi_dev_cu_util_get(uint32_t i, uint32_t ms, float *o) {
    ENTER(i);
    return util(i, ms, o, 0.8f);
}

typedef struct {
    uint32_t pid, pasid;
    uint64_t vram, sdma;
    uint32_t cu;
} pi;
static uint64_t pf(uint32_t pid, const char *f, uint32_t g) {
    char p[PATH_MAX], b[64] = {0};
    snprintf(p, sizeof p, "%s/class/kfd/kfd/proc/%u/%s%u", root(), pid, f, 10000 + g);
    FILE *h = fopen(p, "r");
    if (!h)
        return 0;
    if (!fgets(b, 64, h))
        b[0] = 0;
    fclose(h);
    return strtoull(b, 0, 10);
}

status rsmi_compute_process_info_get(pi *p, uint32_t *c) {
    status x = forced(__func__);
    if (x >= 0)
        return x;
    char d[PATH_MAX];
    snprintf(d, sizeof d, "%s/class/kfd/kfd/proc", root());
    DIR *h = opendir(d);
    if (!h)
        return NOTFOUND;
    uint32_t k = 0;
    for (struct dirent *e; (e = readdir(h));)
        if (e->d_name[0] != '.') {
            if (p && k < *c) {
                memset(&p[k], 0, sizeof *p);
                p[k].pid = atoi(e->d_name);
            }
            k++;
        }
    closedir(h);
    *c = k;
    return OK;
}

status rsmi_compute_process_info_by_device_get(uint32_t pid, uint32_t i, pi *p) {
    ENTER(i);
    memset(p, 0, sizeof *p);
    p->pid = pid;
    p->vram = pf(pid, "vram_", i);
    p->sdma = pf(pid, "sdma_", i);
    return OK;
}

status rsmi_dev_proc_usage_get(uint32_t pid, uint32_t i, float *o) {
    ENTER(i);
    *o = pf(pid, "vram_", i) ? 50.f : 0.f;
    return OK;
}

