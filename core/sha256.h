/* SHA-256 (FIPS 180-4) of short messages, many a page, by the instructions that x86-64 processors have for it.
   Where they are missing Python's own `hashlib` is as fast as anything here would be, and is used. */
#ifndef DELEVERAGE_SHA256_H
#define DELEVERAGE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32

/* Whether this processor has the instructions. Nothing else here may be called where it has not. */
int sha256_is_here(void);

/* The digest of one byte, `prefix`, and then the message. */
void sha256_prefixed(uint8_t prefix, const uint8_t *message, size_t size, uint8_t digest[SHA256_BYTES]);

/* The digest of one byte and two digests: an inner node of a tree. `digest` may be one of them. */
void sha256_pair(uint8_t prefix, const uint8_t *left, const uint8_t *right, uint8_t digest[SHA256_BYTES]);

#endif
