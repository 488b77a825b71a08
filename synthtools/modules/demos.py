"""Worked demos that roles start with: one good answer teaches a small model more than a page of instructions.

They are ordinary DSPy demos of each role's predictor, so that an optimizer may replace them. All are of one library.
"""

import dspy

_BOOKS = {"books": {"BOO-1": {"title": "Emma", "shelf": "open"}}}
_LOANS = {"loans": {"LOA-1": {"book_id": "BOO-2", "reader": "Ann Lee", "status": "lent"}}}

BEHAVIOURS = (
    dspy.Example(
        state_example={**_LOANS, **_BOOKS},
        tool="""LendBook: Lends a book to a reader.
args:
- book_id (id in books)
- reader (string)
errors, checked in this order:
- 404 Book not found: no record has the given book_id.
- 409 Shelf is closed: refused while the book's shelf is closed.
effect: changes loans
The status starts as lent.
returns a dict: {'loan_id': ..., 'book_id': ..., 'reader': ...}""",
        guard="""def guard(args, state, now):
    if args['book_id'] not in state['books']:
        return {'status_code': 404, 'message': 'Book not found'}
    if state['books'][args['book_id']]['shelf'] == 'closed':
        return {'status_code': 409, 'message': 'Shelf is closed'}
    return None
""",
        apply="""def apply(args, state, now):
    loan_id = new_id('loans')
    state['loans'][loan_id] = {'book_id': args['book_id'], 'reader': args['reader'], 'status': 'lent'}
    return {'loan_id': loan_id, 'book_id': args['book_id'], 'reader': args['reader']}
""",
    ),
    dspy.Example(
        state_example=_LOANS,
        tool="""FindLoans: Finds the loans of a reader.
args:
- reader (string)
errors: none
effect: changes nothing
returns a dict: {'loans': a list of dicts with loan_id, book_id, status, 'count': ...}""",
        guard="""def guard(args, state, now):
    return None
""",
        apply="""def apply(args, state, now):
    found = []
    for loan_id, loan in state['loans'].items():
        if loan['reader'] == args['reader']:
            found.append({'loan_id': loan_id, 'book_id': loan['book_id'], 'status': loan['status']})
    return {'loans': found, 'count': len(found)}
""",
    ),
)

FIRST_TURNS = (
    dspy.Example(
        scenario="Libraries, Lending: Town library. Staff lend books and note when they come back.",
        purpose="Notes that a book came back.",
        actions=["0: loan: LOA-3, condition: slightly worn, returned day: 2026-05-02"],
        action=0,
        request="Please note that the book of loan LOA-3 came back slightly worn on 2026-05-02.",
    ),
)

NEXT_TURNS = (
    dspy.Example(
        scenario="Libraries, Lending: Town library. Staff lend books and note when they come back.",
        conversation=["Person: Please note that the book of loan LOA-3 came back slightly worn."],
        purpose="Shows a reader.",
        actions=["0: reader: REA-2, to learn: phone number"],
        action=0,
        request="And what is the phone number of reader REA-2?",
    ),
)

MERGED_TURNS = (
    dspy.Example(
        turns=[
            "Please note that the book of loan LOA-3 came back slightly worn.",
            "And what is the phone number of reader REA-2?",
        ],
        values=["LOA-3", "slightly worn", "REA-2"],
        request="Please note that the book of loan LOA-3 came back slightly worn, and then tell me the phone number of "
        "reader REA-2.",
    ),
)

_TOOLS = [
    {"name": "NoteReturn", "parameters": {"loan_id": "Id of the loan", "condition": "The condition of the book"}},
    {"name": "GetReader", "parameters": {"reader_id": "Id of the reader"}},
]
_NOTED = {
    "tool": "NoteReturn",
    "arguments": {"loan_id": "LOA-3", "condition": "worn"},
    "answer": {"loan_id": "LOA-3", "condition": "worn"},
}
_SHOWN = {"tool": "GetReader", "arguments": {"reader_id": "REA-2"}, "answer": {"name": "Ann Lee", "phone": "555-0134"}}
_WISH = "Please note that the book of loan LOA-3 came back worn, and then tell me the phone number of reader REA-2."

STEPS = (
    dspy.Example(
        tools=_TOOLS,
        request=_WISH,
        calls_so_far=[_NOTED],
        open_parts="the phone number of reader REA-2",
        step={"calls": [{"tool": "GetReader", "arguments": {"reader_id": "REA-2"}}]},
    ),
    dspy.Example(
        tools=_TOOLS,
        request=_WISH,
        calls_so_far=[_NOTED, _SHOWN],
        open_parts="nothing",
        step={"answer": "I noted that the book of loan LOA-3 is worn. The phone number of reader REA-2 is 555-0134."},
    ),
)
