/* A PKCS#11 module that forwards to another one and fails as it is told. Only tests build it.
 *
 *   FAULTY_MODULE   path of the module behind it
 *   FAULTY_ORDERS   file with one order: NAME ACTION VALUE [once] [after COUNT]
 *                     NAME    a function such as C_Sign, or * for all of them
 *                     ACTION  return VALUE   answer with this CK_RV instead of calling
 *                             hang -         do not come back
 *                             die -          end the process
 *                             flip -         C_Sign: change one bit of the signature
 *                             shorten -      C_Sign: answer with the first half
 *                             previous -     C_Sign: answer with the signature before this one
 *                             hide VALUE     C_GetMechanismList: leave this mechanism out
 *                             trusted -      C_GetAttributeValue: call every key CKA_TRUSTED
 *                             flags VALUE    C_GetTokenInfo: set these flags
 *                     once    take the file away when the order is obeyed
 *                     after   let this many calls pass first
 *   FAULTY_HIDDEN   a mechanism that C_GetMechanismList always leaves out: RSA key generation makes starts slow
 *   FAULTY_CALLS    file that gets one line, process and function, for each call
 *
 * Every argument of PKCS#11 is a pointer or an integer of one register, so that one signature forwards them all.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long word;
typedef word (*function)(word, word, word, word, word, word, word, word);

struct function_list {
    unsigned char version[2];
    function entry[68];
};

static struct function_list *real;
static struct function_list ours;
static unsigned char previous[1024];
static word previous_size;

static void note(const char *name) {
    const char *path = getenv("FAULTY_CALLS");
    char line[128];
    int file, size;
    if (!path || (file = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600)) < 0)
        return;
    size = snprintf(line, sizeof line, "%d %s\n", (int)getpid(), name);
    if (write(file, line, size) != size)
        abort();
    close(file);
}

/* Reads the order for this function; obeys it if it is one that needs no call. */
static int ordered(const char *name, char *action, word *answer) {
    const char *path = getenv("FAULTY_ORDERS");
    static int passed;
    char wanted[64] = "", value[64] = "", once[16] = "";
    FILE *file;
    int words, pass = 0;
    if (!path || !(file = fopen(path, "r")))
        return 0;
    words = fscanf(file, "%63s %15s %63s %15s after %d", wanted, action, value, once, &pass);
    fclose(file);
    if (words < 3 || (strcmp(wanted, "*") && strcmp(wanted, name)))
        return 0;
    if (passed < pass) {
        passed++;
        return 0;
    }
    passed = 0;
    if (!strcmp(once, "once"))
        unlink(path);
    if (!strcmp(action, "hang"))
        for (;;)
            pause();
    if (!strcmp(action, "die"))
        _exit(99);
    *answer = strtoul(value, NULL, 0);
    return 1;
}

static word forward(int index, const char *name, word a, word b, word c, word d, word e, word f, word g, word h) {
    char action[16] = "";
    word answer = 0;
    note(name);
    if (ordered(name, action, &answer) && !strcmp(action, "return"))
        return answer;
    return real->entry[index](a, b, c, d, e, f, g, h);
}

#define FORWARD(index, name)                                                                       \
    static word name(word a, word b, word c, word d, word e, word f, word g, word h) {             \
        return forward(index, #name, a, b, c, d, e, f, g, h);                                      \
    }

FORWARD(0, C_Initialize)
FORWARD(4, C_GetSlotList)
FORWARD(12, C_OpenSession)
FORWARD(18, C_Login)
FORWARD(22, C_DestroyObject)
FORWARD(26, C_FindObjectsInit)
FORWARD(42, C_SignInit)
FORWARD(58, C_GenerateKey)
FORWARD(59, C_GenerateKeyPair)
FORWARD(60, C_WrapKey)
FORWARD(61, C_UnwrapKey)

/* C_GetTokenInfo(slot, info): the flags stand after four texts of 32, 32, 16 and 16 bytes. */
static word C_GetTokenInfo(word a, word b, word c, word d, word e, word f, word g, word h) {
    char action[16] = "";
    word value = 0, answer;
    int told;
    note("C_GetTokenInfo");
    told = ordered("C_GetTokenInfo", action, &value);
    if (told && !strcmp(action, "return"))
        return value;
    answer = real->entry[6](a, b, c, d, e, f, g, h);
    if (answer == 0 && told && !strcmp(action, "flags"))
        *(word *)((unsigned char *)b + 96) |= value;
    return answer;
}

/* C_GetAttributeValue(session, object, attributes, count); an attribute is a type, a pointer and a length. */
static word C_GetAttributeValue(word a, word b, word c, word d, word e, word f, word g, word h) {
    char action[16] = "";
    word value = 0, answer, *attribute = (word *)c;
    int told;
    note("C_GetAttributeValue");
    told = ordered("C_GetAttributeValue", action, &value);
    if (told && !strcmp(action, "return"))
        return value;
    answer = real->entry[24](a, b, c, d, e, f, g, h);
    if (answer == 0 && told && !strcmp(action, "trusted"))
        for (word i = 0; i < d; i++)
            if (attribute[3 * i] == 0x86 && attribute[3 * i + 1])
                *(unsigned char *)attribute[3 * i + 1] = 1;
    return answer;
}

static void leave_out(word *list, word *count, word hidden) {
    for (word i = 0; i < *count; i++)
        if (list[i] == hidden)
            list[i] = list[--*count];
}

/* C_GetMechanismList(slot, list, pointer to count) */
static word C_GetMechanismList(word a, word b, word c, word d, word e, word f, word g, word h) {
    char action[16] = "";
    word hidden = 0, answer, *list = (word *)b, *count = (word *)c;
    note("C_GetMechanismList");
    answer = real->entry[7](a, b, c, d, e, f, g, h);
    if (answer == 0 && list && ordered("C_GetMechanismList", action, &hidden) && !strcmp(action, "hide"))
        leave_out(list, count, hidden);
    if (answer == 0 && list && getenv("FAULTY_HIDDEN"))
        leave_out(list, count, strtoul(getenv("FAULTY_HIDDEN"), NULL, 0));
    return answer;
}

/* C_Sign(session, data, data length, signature, pointer to signature length) */
static word C_Sign(word a, word b, word c, word d, word e, word f, word g, word h) {
    char action[16] = "";
    word answer = 0, size, *length = (word *)e;
    unsigned char *signature = (unsigned char *)d, kept[sizeof previous];
    if (!signature)
        return real->entry[43](a, b, c, d, e, f, g, h);
    note("C_Sign");
    if (ordered("C_Sign", action, &answer) && !strcmp(action, "return"))
        return answer;
    answer = real->entry[43](a, b, c, d, e, f, g, h);
    if (answer != 0 || *length > sizeof previous)
        return answer;
    size = *length;
    memcpy(kept, signature, size);
    if (!strcmp(action, "flip"))
        signature[size / 3] ^= 1;
    if (!strcmp(action, "shorten"))
        *length = size / 2;
    if (!strcmp(action, "previous") && previous_size == size)
        memcpy(signature, previous, size);
    memcpy(previous, kept, size);
    previous_size = size;
    return answer;
}

word C_GetFunctionList(struct function_list **list) {
    static const struct { int index; function replacement; } replaced[] = {
        {0, C_Initialize}, {4, C_GetSlotList}, {6, C_GetTokenInfo}, {7, C_GetMechanismList}, {12, C_OpenSession},
        {18, C_Login}, {22, C_DestroyObject}, {24, C_GetAttributeValue}, {26, C_FindObjectsInit}, {42, C_SignInit},
        {43, C_Sign}, {58, C_GenerateKey}, {59, C_GenerateKeyPair}, {60, C_WrapKey}, {61, C_UnwrapKey},
    };
    word (*get)(struct function_list **);
    void *module;
    if (!real) {
        module = dlopen(getenv("FAULTY_MODULE"), RTLD_NOW | RTLD_LOCAL);
        if (!module || !(get = (word (*)(struct function_list **))dlsym(module, "C_GetFunctionList")) || get(&real))
            return 5;
        ours = *real;
        for (unsigned i = 0; i < sizeof replaced / sizeof *replaced; i++)
            ours.entry[replaced[i].index] = replaced[i].replacement;
    }
    *list = &ours;
    return 0;
}
