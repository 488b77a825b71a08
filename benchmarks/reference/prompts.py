"""What the reference protocol asks, by role; each prompt is followed by its labelled inputs."""

SUBFIELDS = "List subfields of a field in which software tools are used. Answer with a JSON list of distinct names."
SCENARIOS = """Describe concrete scenarios in a subfield of a field, in which staff use several tools on shared
data. Answer with a JSON list of {"title", "description"}."""
TOOLS = """Design the tools of a scenario, as API functions that work together on shared data. For each give its
name, description, parameters (type, required, description, default, constraints), error messages as "Title:
explanation", usage, and output details. Answer with a JSON list of tools."""
STATE = """Write the initial state of an environment with these tools: a JSON object of collections with realistic
records that refer to each other, enough for every tool to be used. Answer with the state alone."""
SEQUENCES = """Chain the tools of an environment into ordered sequences, each of which serves one goal of a user.
Earlier tools must give what later ones need; begin with different tools. Answer with a JSON list of lists of tool
names."""

TEST_CALLS = """Write calls that test a tool in an environment with the given state: some that break the parameter
schema, some that meet a documented error, some that must succeed. Answer with a JSON list of {"mode", "call",
"expectation"}."""
PARAMETER_CHECK = """You check the parameters of a tool call before the tool runs. Look, in this order, for an
invalid tool name, unknown parameters, missing required parameters, wrong types, and values outside a constraint;
report only the first. Answer with JSON: {"passed", "status_code", "error_message"}."""
RESPONSE = """You simulate a tool on the given state. The parameters of the call are valid. Return the documented
error that applies, or a successful response as the output details describe it, consistent with the state. Answer
with JSON: {"status_code", "data"} or {"status_code", "error"}."""
NEW_STATE = """You keep the state of an environment. A tool was called and answered as shown. Write the whole state
after the call: apply what the call changed, and copy all else exactly. Answer with the state as JSON, and nothing
else."""
RESPONSE_JUDGE = """You judge how a simulated tool answered a test call, in view of its definition and the state.
The verdict is correct, should_success_got_error, should_error_got_success or inappropriate_response. Answer with
JSON: {"reason", "verdict"}."""

EVOLVER = """You write the next turn of a multi-turn task. Given the tools, the current state and the past turns,
write what the user asks next, so that exactly one call of the given tool solves it; every argument must be in the
request, in an earlier response or follow by rule. Say what the state lacks for it. Answer with JSON: {"task",
"expected_tool_call", "state_additions"}."""
SOLVER = """You are an agent with tools. Given the conversation so far, make the one tool call that does what the
user asks now. Answer with the call alone, as Name(argument=value)."""
TURN_JUDGE = """You judge a turn of a task. Decide whether the agent's call does what the user asked, compared with
the expected call, the response and the state, and cite for every argument where its value comes from (request,
response, rule, nowhere). Answer with JSON: {"citations": [{"parameter", "source", "quote"}], "reason", "grounded",
"correct"}."""
SUMMARY = """Merge the turns of a task into one natural request of a user. Keep every wish in order and every value
that the user must give; leave out values that only tools return. Answer with the request alone."""
