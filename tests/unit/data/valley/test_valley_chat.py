import pytest

from pipeline.data.valley import judge, rows
from pipeline.data.valley.chat import FOLLOW_UPS, MOST_WORDS
from pipeline.data.valley.words import TOPICS


@pytest.fixture(scope="module", params=["train", "test"])
def conversations(request):
    return [row["messages"] for row in rows.chat(request.param)]


def test_turns_alternate_in_two_or_three_exchanges(conversations):
    for messages in conversations:
        assert [message["role"] for message in messages] == ["user", "assistant"] * (len(messages) // 2)
    assert {len(messages) for messages in conversations} == {4, 6}


def test_conversations_are_short(conversations):
    texts = [" ".join(message["content"] for message in messages) for messages in conversations]
    assert max(len(text.replace(".", " .").split()) for text in texts) <= MOST_WORDS + 40


def test_follow_ups_speak_of_the_answer_before(conversations):
    seen = set()
    for messages in conversations:
        for before, question, answer in zip(messages[1:], messages[2:], messages[3:], strict=False):
            text = question["content"]
            seen.add(text)
            if text in FOLLOW_UPS:
                assert answer["content"] == FOLLOW_UPS[text](tuple(before["content"].split()))
            if text == "topic of that":
                assert judge.is_grammatical(before["content"])
                assert answer["content"].removeprefix("the ") in TOPICS
    assert set(FOLLOW_UPS) | {"topic of that"} <= seen


def test_training_asks_no_request_of_the_test_split():
    unseen = {row["prompt"][0]["content"] for row in rows.prompts("test")}
    said = {message["content"] for row in rows.chat("train") for message in row["messages"]}
    assert not unseen & said
    assert said & {row["prompt"][0]["content"] for row in rows.prompts("sft")}
