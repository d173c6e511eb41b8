/* Chromium's WebGPU on lavapipe, a second software adapter: subgroups of 8, and half floats in shaders,
 * neither of which SwiftShader has. No test needs it; a person runs the browser's tests on it like this:
 *
 *   cp -r /usr/lib/chromium FOLDER
 *   cc -shared -fPIC -o FOLDER/libvk_swiftshader.so tests/support/lavapipe.c -ldl
 *   export VK_DRIVER_FILES=/usr/share/vulkan/icd.d/lvp_icd.x86_64.json
 *   CHROME=a script that runs FOLDER/chromium "$@" --disable-gpu-sandbox
 *
 * Chromium takes no software adapter but the library of that name beside it, and asks it for SwiftShader's
 * ids and for two features of graphics that lavapipe lacks and that no kernel uses.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

typedef void (*Function)(void);
typedef Function (*Lookup)(void *instance, const char *name);
typedef void (*Query)(void *device, uint32_t *answer);
typedef int (*Create)(void *device, char *info, void *allocator, void *made);

/* Where words stand: vendor and device in VkPhysicalDeviceProperties, the features asked for in
 * VkPhysicalDeviceFeatures, which …2 holds behind a header of four words. */
enum { VENDOR = 2, DEVICE = 3, FIRST = 33, LAST = 36, FEATURES = 55, HEADER = 4, FEATURES_2 = 1000059000 };

static Lookup lookup;
static int (*negotiate)(unsigned *version);
static Query properties, properties_2, features, features_2;
static Create create;

__attribute__((constructor)) static void load(void) {
    void *lavapipe = dlopen("libvulkan_lvp.so", RTLD_NOW | RTLD_LOCAL);
    if (!lavapipe) return;
    lookup = (Lookup)dlsym(lavapipe, "vk_icdGetInstanceProcAddr");
    negotiate = (int (*)(unsigned *))dlsym(lavapipe, "vk_icdNegotiateLoaderICDInterfaceVersion");
    unsigned version = 5;
    if (negotiate) negotiate(&version);
}

static void name_it(uint32_t *answer) {
    answer[VENDOR] = 0x1AE0;
    answer[DEVICE] = 0xC0DE;
}

static void promise(uint32_t *answer) {
    for (int it = FIRST; it <= LAST; it++) answer[it] = 1;
}

static void own_properties(void *device, uint32_t *answer) { properties(device, answer); name_it(answer); }
static void own_properties_2(void *device, uint32_t *answer) { properties_2(device, answer); name_it(answer + HEADER); }
static void own_features(void *device, uint32_t *answer) { features(device, answer); promise(answer); }
static void own_features_2(void *device, uint32_t *answer) { features_2(device, answer); promise(answer + HEADER); }

/* What was promised and is not there must not be asked for. */
static int own_create(void *device, char *info, void *allocator, void *made) {
    uint32_t has[FEATURES + 8];
    features(device, has);
    for (char *next = *(char **)(info + 8); next; next = *(char **)(next + 8)) {
        if (*(uint32_t *)next != FEATURES_2) continue;
        for (int it = 0; it < FEATURES; it++) ((uint32_t *)next)[HEADER + it] &= has[it];
    }
    uint32_t *asked = *(uint32_t **)(info + 64);
    for (int it = 0; asked && it < FEATURES; it++) asked[it] &= has[it];
    return create(device, info, allocator, made);
}

Function vk_icdGetInstanceProcAddr(void *instance, const char *name) {
    if (!lookup) return 0;
    if (!strcmp(name, "vkGetInstanceProcAddr")) return (Function)vk_icdGetInstanceProcAddr;
    Function real = lookup(instance, name);
    if (!real) return 0;
    if (!features) features = (Query)lookup(instance, "vkGetPhysicalDeviceFeatures");
    if (!strcmp(name, "vkGetPhysicalDeviceProperties")) return properties = (Query)real, (Function)own_properties;
    if (!strncmp(name, "vkGetPhysicalDeviceProperties2", 30)) return properties_2 = (Query)real, (Function)own_properties_2;
    if (!strcmp(name, "vkGetPhysicalDeviceFeatures")) return (Function)own_features;
    if (!strncmp(name, "vkGetPhysicalDeviceFeatures2", 28)) return features_2 = (Query)real, (Function)own_features_2;
    if (!strcmp(name, "vkCreateDevice")) return create = (Create)real, (Function)own_create;
    return real;
}

Function vkGetInstanceProcAddr(void *instance, const char *name) { return vk_icdGetInstanceProcAddr(instance, name); }
int vk_icdNegotiateLoaderICDInterfaceVersion(unsigned *version) { return negotiate ? negotiate(version) : 0; }
