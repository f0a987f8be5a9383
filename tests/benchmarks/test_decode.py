from benchmarks import decode


def test_it_reads_a_film_of_every_syntax_beside_its_peer(capsys):
    decode.main(["--rows", "300", "--columns", "260", "--rounds", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert [line[:20].strip() for line in lines] == list(decode._WAYS)
    assert all("peer" in line and "ratio" in line for line in lines)
