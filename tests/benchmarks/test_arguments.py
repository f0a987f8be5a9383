import pytest

from benchmarks import ablations, generation

NUMBERS = {"--tokens": ("0", generation), "--batch": ("0", generation), "--beams": ("0", generation)}
NUMBERS |= {name: ("0", ablations) for name in ("--epochs", "--copies", "--decoder-layers", "--lr")}
NUMBERS |= {"--limit": ("3", ablations), "--balance": ("-0.1", ablations)}


@pytest.mark.parametrize("option", NUMBERS)
def test_numbers_that_cannot_be_are_refused(option, capsys):
    least, benchmark = NUMBERS[option]
    needed = ["/nowhere", "--init", "w", "--out", "o"] if benchmark is ablations else []
    for number in (least, "-1", "many"):
        with pytest.raises(SystemExit):
            benchmark.parse([*needed, option, number])
        assert f"argument {option}" in capsys.readouterr().err
