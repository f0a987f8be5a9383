"""HL7 v2 messages of chest radiographs with a report."""

MSH = r"MSH|^~\&|RIS|HOSP|||20240506120000||ORU^R01|M1|P|2.5"
PID = "PID|1||X9^^^SS^SS~P1^^^NORTH&1.2&ISO^MR||DOE^JANE"
ROWS = ("OBX|1|TX|&GDT||FINDINGS: Clear lungs.||||||F", "OBX|2|TX|&IMP||Normal.||||||F")


def obr(
    placer="PL1", filler="A1^RIS", procedure="71045^XR CHEST 1 VIEW", observed="20240506110000", status="F", **more
):
    fields = {2: placer, 3: filler, 4: procedure, 7: observed, 22: "20240506115900", 24: "CR", 25: status}
    fields |= {int(name[1:]): value for name, value in more.items()}
    return "OBR|" + "|".join(fields.get(number, "") for number in range(1, 45))


def message(*rows, order=None, head=MSH, patient=PID, end="\r"):
    return end.join([head, patient, order or obr(), *(rows or ROWS)]) + end
