/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of file copies, version 1: what the two ends of a session of type
 * Sallyport_CopyFiles say to each other in their Output payloads, which form one byte stream
 * each way.  docs/protocol.md has the conversation.
 *
 *	client -> node        PUT path | GET path; the node answers READY or REFUSED
 *	sender -> receiver    DIR name ... UP, FILE name, START, DATA..., END | ABORT, DONE
 *	receiver -> sender    HAVE (after a FILE that asks), RESULT (one for each DIR and FILE)
 *	both                  NOTE (something went wrong beside), NOP (still there)
 *
 * A message is a head of COPY_HEAD bytes (length of the body, type) and a body: the fields
 * of its type in the order of struct copy_msg, big-endian, then text to the end.
 */
#pragma once

#include "base/buf.h"

enum {
	COPY_VERSION = 1,
	COPY_HEAD = 5,
	COPY_DATA_MAX = 256 * 1024, /* of one DATA */
	COPY_PATH_MAX = 4095,       /* Linux: PATH_MAX with its NUL */
	COPY_NAME_MAX = 255,        /* Linux: NAME_MAX */
	COPY_WORDS_MAX = 8 * 1024, /* of NOTE, RESULT and the like: a path and a reason */
	COPY_DIGEST = 32,          /* SHA-256 */
	/*
	 * From this size on a sender asks what the receiver has already; below, the question
	 * costs more than sending all of it again.
	 */
	COPY_ASK_MIN = 4 * 1024 * 1024,
};

enum copy_type {
	COPY_PUT = 1,     /* version, flags, path */
	COPY_GET = 2,     /* version, flags, path */
	COPY_READY = 3,   /* version */
	COPY_REFUSED = 4, /* words */
	COPY_DIR =
	    16, /* mode, times, name; "" : what is in it belongs to the destination */
	COPY_UP = 17,     /* the end of the directory */
	COPY_FILE = 18,   /* flags, mode, times, size, name */
	COPY_START = 19,  /* size: of what is skipped; after HAVE */
	COPY_DATA = 20,   /* bytes */
	COPY_END = 21,    /* digest of the whole file */
	COPY_ABORT = 22,  /* words: the rest of the file cannot be sent */
	COPY_DONE = 23,   /* everything was sent */
	COPY_HAVE = 32,   /* size, digest: of the beginning that is there already */
	COPY_RESULT = 33, /* status, digest, words */
	COPY_NOTE = 48,   /* words */
	COPY_NOP = 49,
};

enum {                      /* flags of PUT and GET */
	COPY_RECURSIVE = 1, /* directories, too */
	COPY_PRESERVE = 2,  /* modes and times as they are at the source */
	COPY_INTO =
	    4, /* the destination must be a directory: there are several sources */
	/* of FILE */
	COPY_ASK = 1, /* HAVE is waited for */
};

enum copy_status {
	COPY_OK,
	COPY_FAILED,  /* words say why */
	COPY_SKIPPED, /* its directory has failed */
};

struct copy_msg {
	enum copy_type type;
	uint16_t version;
	uint16_t flags;
	uint8_t status; /* enum copy_status */
	uint32_t mode;  /* permissions only, 0777 */
	struct copy_times {
		int64_t mtime_s, atime_s; /* since the epoch */
		uint32_t mtime_ns, atime_ns;
	} times;
	uint64_t size; /* at most INT64_MAX */
	uint8_t digest[COPY_DIGEST];
	struct span text; /* path, name, words or bytes; borrowed */
};

/*
 * Reads a head: type and length of the body.  ERR_AGAIN with less than COPY_HEAD bytes,
 * ERR_PROTOCOL on an unknown type or a length that the type cannot have.
 */
int copy_head_decode(enum copy_type *type, size_t *len, struct span in) MUST_USE;
/* The body of such a message.  ERR_PROTOCOL.  m->text points into body. */
int copy_decode(struct copy_msg *m, enum copy_type type, struct span body) MUST_USE;
/* Adds head and body.  What copy_decode() would refuse is a mistake of the caller. */
void copy_encode(struct buf *out, const struct copy_msg *m);
/* Only the head, for DATA of so many bytes. */
void copy_head_encode(uint8_t head[COPY_HEAD], enum copy_type type, size_t len);

/* One component that stays where it is put: not "", "." or "..", no slash and no NUL. */
bool copy_name_ok(struct span name);
/*
 * The last component of a path, without slashes behind it; empty when it names no entry of
 * its own ("", "/", "." and "..").
 */
struct span copy_base_name(struct span path);
/*
 * The name under which a file grows until it is complete: ".name.sallyport-partial", or
 * with the middle of a long name replaced by its hash.
 */
void copy_partial_name(char out[COPY_NAME_MAX + 1], struct span name);
