import subprocess
import sys

from seqtrain.predictions import Answer, Classification, TaggedSentence


def test_a_sentence_is_as_long_as_its_tokens() -> None:
    sentence = TaggedSentence(("the", "dog"), ("DET", "NOUN"), (0.9, 0.8))
    assert len(sentence) == 2
    assert sentence.spans is None


def test_answers_unpack_into_names_and_confidences() -> None:
    names, confidences = Answer(("7",), (0.75,))
    assert Classification(names[0], confidences[0]) == Classification("7", 0.75)


def test_records_take_no_torch() -> None:
    program = "import sys, seqtrain.predictions; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
