/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session documents that come with the server: AWS's public ones with their names,
 * parameters and patterns, and two of our own.  JSON, so that GetDocument answers them as they are.
 */
#include "proto/document.h"

#define PORT_1                                                         \
	"^([1-9]|[1-9][0-9]{1,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|"        \
	"65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$"
#define PORT_0                                                         \
	"^([0-9]|[1-9][0-9]{1,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|"        \
	"65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$"
/* No shell characters; JSON escapes. */
#define HOST "^[^,$^&\\\\(\\\\)!;'\\\"<>`{}\\\\[\\\\]\\\\|#=]{3,}$"

#define HEAD(description, type)                          \
	"{\n"                                            \
	"  \"schemaVersion\": \"1.0\",\n"                \
	"  \"description\": \"" description "\",\n"      \
	"  \"sessionType\": \"" type "\",\n"

#define PARAMETER(name, description, rest)                       \
	"    \"" name "\": {\n"                                  \
	"      \"type\": \"String\",\n"                          \
	"      \"description\": \"" description "\"" rest "\n"   \
	"    }"
#define ALLOWED(pattern)  ",\n      \"allowedPattern\": \"" pattern "\""
#define DEFAULT(value)    ",\n      \"default\": \"" value "\""

#define REMOTE_PORT(where, value)                                             \
	PARAMETER("portNumber", "(Optional) Port number of the server " where, \
	    ALLOWED(PORT_1) DEFAULT(value))
#define LOCAL_PORT                                                                  \
	PARAMETER("localPortNumber",                                                \
	    "(Optional) Port number on local machine to forward traffic to. "       \
	    "An open port is chosen at run-time if not provided",                   \
	    ALLOWED(PORT_0) DEFAULT("0"))

#define COMMAND_PROPERTIES                                 \
	"  \"properties\": {\n"                            \
	"    \"windows\": {\n"                             \
	"      \"commands\": \"{{ command }}\",\n"         \
	"      \"runAsElevated\": false\n"                 \
	"    },\n"                                         \
	"    \"linux\": {\n"                               \
	"      \"commands\": \"{{ command }}\",\n"         \
	"      \"runAsElevated\": false\n"                 \
	"    },\n"                                         \
	"    \"macos\": {\n"                               \
	"      \"commands\": \"{{ command }}\",\n"         \
	"      \"runAsElevated\": false\n"                 \
	"    }\n"                                          \
	"  }\n"                                            \
	"}\n"

static const char run_shell[] =
    HEAD("Document to hold regional settings for Session Manager", "Standard_Stream")
    "  \"inputs\": {\n"
    "    \"s3BucketName\": \"\",\n"
    "    \"s3KeyPrefix\": \"\",\n"
    "    \"s3EncryptionEnabled\": true,\n"
    "    \"cloudWatchLogGroupName\": \"\",\n"
    "    \"cloudWatchEncryptionEnabled\": true,\n"
    "    \"cloudWatchStreamingEnabled\": false,\n"
    "    \"kmsKeyId\": \"\",\n"
    "    \"runAsEnabled\": false,\n"
    "    \"runAsDefaultUser\": \"\",\n"
    "    \"idleSessionTimeout\": \"20\",\n"
    "    \"maxSessionDuration\": \"\",\n"
    "    \"shellProfile\": {\n"
    "      \"windows\": \"\",\n"
    "      \"linux\": \"\"\n"
    "    }\n"
    "  }\n"
    "}\n";

static const char interactive[] =
    HEAD("Document to run single interactive command on an instance", "InteractiveCommands")
    "  \"parameters\": {\n"
    PARAMETER("command", "The command to run on the instance", "")
    "\n  },\n"
    COMMAND_PROPERTIES;

static const char noninteractive[] =
    HEAD("Document to run single non-interactive command on an instance",
	"NonInteractiveCommands")
    "  \"parameters\": {\n"
    PARAMETER("command", "The command to run on the instance", "")
    "\n  },\n"
    COMMAND_PROPERTIES;

/*
 * Ours, for "sallyport exec": the two outputs apart, the exit code at the end, and with an
 * agent of ours standard input.  The client quotes the words of the command; agents split
 * them and run the program.
 */
static const char exec[] =
    HEAD("Document to run a command on an instance for its output and exit code",
	"NonInteractiveCommands")
    "  \"parameters\": {\n"
    PARAMETER("command", "The command to run on the instance", "")
    "\n  },\n"
    "  \"properties\": {\n"
    "    \"linux\": {\n"
    "      \"commands\": \"{{ command }}\",\n"
    "      \"runAsElevated\": false,\n"
    "      \"separateOutputStream\": true,\n"
    "      \"standardInput\": true\n"
    "    },\n"
    "    \"macos\": {\n"
    "      \"commands\": \"{{ command }}\",\n"
    "      \"runAsElevated\": false,\n"
    "      \"separateOutputStream\": true,\n"
    "      \"standardInput\": true\n"
    "    }\n"
    "  }\n"
    "}\n";

/* Ours, for "sallyport cp".  What is copied is said inside the session. */
static const char copy_files[] =
    HEAD("Document to copy files to and from an instance", "Sallyport_CopyFiles")
    "  \"properties\": {}\n"
    "}\n";

static const char ssh[] =
    HEAD("Document to start SSH session over Session Manager", "Port")
    "  \"parameters\": {\n"
    PARAMETER("portNumber", "(Optional) Port number of SSH server on the instance",
	ALLOWED(PORT_1) DEFAULT("22"))
    "\n  },\n"
    "  \"properties\": {\n"
    "    \"portNumber\": \"{{ portNumber }}\"\n"
    "  }\n"
    "}\n";

static const char forward[] =
    HEAD("Document to start port forwarding session over Session Manager", "Port")
    "  \"parameters\": {\n"
    REMOTE_PORT("on the instance", "80") ",\n"
    LOCAL_PORT
    "\n  },\n"
    "  \"properties\": {\n"
    "    \"portNumber\": \"{{ portNumber }}\",\n"
    "    \"type\": \"LocalPortForwarding\",\n"
    "    \"localPortNumber\": \"{{ localPortNumber }}\"\n"
    "  }\n"
    "}\n";

static const char forward_remote[] =
    HEAD("Document to start port forwarding session over Session Manager to remote host",
	"Port")
    "  \"parameters\": {\n"
    PARAMETER("host", "(Optional) Hostname or IP address of the destination server",
	ALLOWED(HOST) DEFAULT("localhost")) ",\n"
    REMOTE_PORT("to connect to", "80") ",\n"
    LOCAL_PORT
    "\n  },\n"
    "  \"properties\": {\n"
    "    \"host\": \"{{ host }}\",\n"
    "    \"portNumber\": \"{{ portNumber }}\",\n"
    "    \"type\": \"LocalPortForwarding\",\n"
    "    \"localPortNumber\": \"{{ localPortNumber }}\"\n"
    "  }\n"
    "}\n";

/* Ours: a stock agent finds no port number in it, and the session fails. */
static const char forward_socket[] =
    HEAD("Document to start port forwarding session over Session Manager to a unix socket",
	"Port")
    "  \"parameters\": {\n"
    PARAMETER("path", "Absolute path of the socket on the instance",
	ALLOWED("^/.{1,106}$")) ",\n"
    LOCAL_PORT
    "\n  },\n"
    "  \"properties\": {\n"
    "    \"remoteUnixSocket\": \"{{ path }}\",\n"
    "    \"type\": \"LocalPortForwarding\",\n"
    "    \"localPortNumber\": \"{{ localPortNumber }}\"\n"
    "  }\n"
    "}\n";

const struct document_builtin document_builtins[] = {
	{ "SSM-SessionManagerRunShell", "Session", true, run_shell },
	{ "AWS-StartInteractiveCommand", "Session", false, interactive },
	{ "AWS-StartNonInteractiveCommand", "Session", false, noninteractive },
	{ "Sallyport-Exec", "Session", false, exec },
	{ "Sallyport-CopyFiles", "Session", false, copy_files },
	{ "AWS-StartSSHSession", "Session", false, ssh },
	{ "AWS-StartPortForwardingSession", "Session", false, forward },
	{ "AWS-StartPortForwardingSessionToRemoteHost", "Session", false, forward_remote },
	{ "Sallyport-StartSocketForwardingSession", "Session", false, forward_socket },
};
const size_t document_builtins_len = ARRAY_LEN(document_builtins);
