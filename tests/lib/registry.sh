# Start Debian's docker-registry on a free loopback port: sourced, not run.
# shellcheck shell=bash

# registry_start DATA LOGDIR [HTPASSWD]: sets REG_ADDR and REG_PID; LOGDIR/access.log gets one line for
# each request, LOGDIR/registry.log the rest (it takes REGISTRY_* variables for settings). RUN_AS (an array) goes before the command.
registry_start() {
	local data=$1 logs=$2 auth=${3-}
	{
		cat <<-END
			version: 0.1
			log:
			  level: info
			  accesslog: {disabled: false}
			storage:
			  filesystem: {rootdirectory: $data}
			  delete: {enabled: true}
			  maintenance: {uploadpurging: {enabled: false}}
			http:
			  addr: 127.0.0.1:0
		END
		[ -z "$auth" ] || printf 'auth:\n  htpasswd: {realm: strake-test, path: %s}\n' "$auth"
	} >"$logs/registry.yml"
	: >"$logs/access.log"
	: >"$logs/registry.log"
	${RUN_AS[@]+"${RUN_AS[@]}"} env -i PATH="$PATH" docker-registry serve "$logs/registry.yml" \
		>>"$logs/access.log" 2>>"$logs/registry.log" </dev/null &
	REG_PID=$!
	REG_ADDR=
	local i
	for ((i = 0; i < 1200; i++)); do
		REG_ADDR=$(sed -n 's/.*listening on \(127\.0\.0\.1:[0-9]*\).*/\1/p' "$logs/registry.log")
		[ -z "$REG_ADDR" ] || return 0
		kill -0 "$REG_PID" 2>/dev/null || break
		sleep 0.05
	done
	echo "docker-registry did not start:" >&2
	cat "$logs/registry.log" >&2
	return 1
}
