/* A stand-in for libnvidia-ml.so.1, driven by a text file that is read anew on each call.

   FAKE_NVML_STATE names the file. Lines are KEY=VALUE, of equal keys the last one holds:
   "init=0", "gpus=2", "0.uuid=GPU-a", "0.power=350000". A value that begins with E is the
   error that the call returns; a key that is not there is NotSupported. "driver=2" is a driver
   that only a library built with -DDRIVER=2 understands. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
#ifndef DRIVER
#define DRIVER 1
#endif
enum { SUCCESS = 0, UNINITIALIZED = 1, NOT_SUPPORTED = 3, VERSION_MISMATCH = 18 };

static int started;

static int text(const char *key, char *value, size_t size) {
    const char *path = getenv("FAKE_NVML_STATE");
    FILE *file = path ? fopen(path, "r") : NULL;
    char line[256];
    int found = NOT_SUPPORTED;
    while (file && fgets(line, sizeof line, file)) {
        char *equals = strchr(line, '=');
        if (!equals) continue;
        *equals = 0;
        if (strcmp(line, key)) continue;
        equals[1 + strcspn(equals + 1, "\n")] = 0;
        if (equals[1] == 'E') { found = atoi(equals + 2); continue; }
        snprintf(value, size, "%s", equals + 1);
        found = SUCCESS;
    }
    if (file) fclose(file);
    return found;
}

static int other_driver(void) {
    char buffer[64];
    return text("driver", buffer, sizeof buffer) == SUCCESS && atoi(buffer) != DRIVER;
}

static int of(void *device, const char *key, char *value, size_t size) {
    char full[64];
    if (!started) return UNINITIALIZED;
    if (other_driver()) return VERSION_MISMATCH;
    snprintf(full, sizeof full, "%d.%s", (int)(intptr_t)device - 1, key);
    return text(full, value, size);
}

static int number(void *device, const char *key, unsigned long long *value) {
    char buffer[64];
    int code = of(device, key, buffer, sizeof buffer);
    if (code == SUCCESS) *value = strtoull(buffer, NULL, 10);
    return code;
}

static int small(void *device, const char *key, unsigned *value) {
    unsigned long long wide;
    int code = number(device, key, &wide);
    if (code == SUCCESS) *value = (unsigned)wide;
    return code;
}

EXPORT const char *nvmlErrorString(int code) {
    switch (code) {
    case NOT_SUPPORTED: return "Not Supported";
    case 4: return "Insufficient Permissions";
    case 9: return "Driver Not Loaded";
    case VERSION_MISMATCH: return "Driver/library version mismatch";
    default: return "Error";
    }
}

EXPORT int nvmlInitWithFlags(unsigned flags) {
    char buffer[64];
    int code = other_driver() ? VERSION_MISMATCH : text("init", buffer, sizeof buffer);
    (void)flags;
    if (code == SUCCESS) started++;
    return code;
}

EXPORT int nvmlShutdown(void) {
    if (!started) return UNINITIALIZED;
    started--;
    return SUCCESS;
}

EXPORT int nvmlDeviceGetCount_v2(unsigned *count) {
    char buffer[64];
    int code = started ? text("gpus", buffer, sizeof buffer) : UNINITIALIZED;
    if (code == SUCCESS) *count = (unsigned)atoi(buffer);
    return code;
}

EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    if (!started) return UNINITIALIZED;
    *device = (void *)(intptr_t)(index + 1);
    return SUCCESS;
}

EXPORT int nvmlDeviceGetUUID(void *d, char *value, unsigned size) { return of(d, "uuid", value, size); }
EXPORT int nvmlDeviceGetName(void *d, char *value, unsigned size) { return of(d, "name", value, size); }
EXPORT int nvmlDeviceGetPowerUsage(void *d, unsigned *mw) { return small(d, "power", mw); }
EXPORT int nvmlDeviceGetTotalEnergyConsumption(void *d, unsigned long long *mj) { return number(d, "energy", mj); }
EXPORT int nvmlDeviceGetPowerManagementLimit(void *d, unsigned *mw) { return small(d, "limit", mw); }

EXPORT int nvmlDeviceGetPowerManagementLimitConstraints(void *d, unsigned *low, unsigned *high) {
    int code = small(d, "limit_min", low);
    return code == SUCCESS ? small(d, "limit_max", high) : code;
}

EXPORT int nvmlDeviceSetPowerManagementLimit(void *d, unsigned mw) {
    unsigned allowed;
    int code = small(d, "set_limit", &allowed);
    FILE *file = code == SUCCESS ? fopen(getenv("FAKE_NVML_STATE"), "a") : NULL;
    if (file) {
        fprintf(file, "%d.limit=%u\n", (int)(intptr_t)d - 1, mw);
        fclose(file);
    }
    return code;
}

EXPORT int nvmlDeviceGetTemperature(void *d, int sensor, unsigned *celsius) {
    (void)sensor;
    return small(d, "temperature", celsius);
}

struct temperature { unsigned version; int sensor; int celsius; };
EXPORT int nvmlDeviceGetTemperatureV(void *d, struct temperature *value) {
    unsigned celsius;
    int code = small(d, "temperature_v", &celsius);
    if (code == SUCCESS) value->celsius = (int)celsius;
    return code;
}

struct memory { unsigned long long total, free, used; };
EXPORT int nvmlDeviceGetMemoryInfo(void *d, struct memory *value) {
    int code = number(d, "memory_total", &value->total);
    return code == SUCCESS ? number(d, "memory_used", &value->used) : code;
}

struct rates { unsigned gpu, memory; };
EXPORT int nvmlDeviceGetUtilizationRates(void *d, struct rates *value) { return small(d, "utilization", &value->gpu); }

EXPORT int nvmlDeviceGetCurrentClocksEventReasons(void *d, unsigned long long *bits) { return number(d, "event_reasons", bits); }
EXPORT int nvmlDeviceGetCurrentClocksThrottleReasons(void *d, unsigned long long *bits) { return number(d, "throttle_reasons", bits); }

struct field {
    uint32_t id, scope;
    int64_t timestamp, latency;
    int type, code;
    union { double d; unsigned ui; unsigned long long ull; } value;
};
EXPORT int nvmlDeviceGetFieldValues(void *d, int count, struct field *fields) {
    if (!started) return UNINITIALIZED;
    for (int i = 0; i < count; i++) {
        char key[32];
        if (fields[i].scope) snprintf(key, sizeof key, "field%u_scope%u", fields[i].id, fields[i].scope);
        else snprintf(key, sizeof key, "field%u", fields[i].id);
        memset(&fields[i].value, 0xff, sizeof fields[i].value); /* the other half is never zero */
        fields[i].type = 1;
        fields[i].code = small(d, key, &fields[i].value.ui);
    }
    return SUCCESS;
}
