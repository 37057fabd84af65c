# Calls of a server by curl, each with what its answer must be. To be sourced after server.sh.

for tool in curl python3; do
    command -v "$tool" >/dev/null || die "$tool is missing"
done
BODY=$TEMP/body
JSON='Content-Type: application/json'

# A part of the first line, as a Python subscript.
told() { python3 -c "import json, sys; print(json.load(open(sys.argv[1]))$1)" "$TOLD"; }

# call NAME STATUS EXPRESSION ARGUMENTS...: runs curl with the arguments. The expression is Python about `a`, the answer.
call() {
    local name=$1 expected=$2 expression=$3 status
    shift 3
    status=$(curl -s -S --max-time 20 -o "$BODY" -D "$TEMP/headers" -w '%{http_code}' "$@") || die "$name: no answer"
    [ "$status" = "$expected" ] || die "$name: $status instead of $expected: $(cat "$BODY")"
    python3 - "$expression" "$BODY" <<'PYTHON' || die "$name: not ($expression): $(cat "$BODY")"
import json, sys
text = open(sys.argv[2], encoding="utf-8").read()
try:
    a = json.loads(text)
except ValueError:
    a = text
sys.exit(0 if eval(sys.argv[1]) else 1)
PYTHON
    printf 'ok %s %s\n' "$status" "$name"
}

# A member of the last answer.
got() { python3 -c "import json, sys; print(json.load(open(sys.argv[1]))$1)" "$BODY"; }
