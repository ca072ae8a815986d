"""A curation and manifests drawn up by hand, in the forms of Curation 1.0 and Presentation 2 and 3."""

from typing import Any

HOST = "library.example"
BASE = f"http://{HOST}"
FACES = [  # canvas, fragment, gender, status, direction
    ("p1", "120,80,96,96", "男", "貴族", "四分の三"),
    ("p10", "-4,300,64,64", "女", "庶民", "横"),
    ("p1", "400,100,200,100", "女", "貴族", "正面"),
    ("p10", "900,700,300,400", "男", "僧侶", "不明"),
]
WIDTH, HEIGHT = 4000, 3000  # of every image; the canvases are half as large


def info(identifier: str, version: int = 2) -> dict[str, Any]:
    """An info.json."""
    key = "id" if version == 3 else "@id"
    context = f"http://iiif.io/api/image/{version}/context.json"
    return {"@context": context, key: f"{BASE}/iiif/{identifier}", "width": WIDTH, "height": HEIGHT}


def canvas_2(name: str) -> dict[str, Any]:
    service = {"@id": f"{BASE}/iiif/{name}", "profile": "http://iiif.io/api/image/2/level2.json"}
    resource = {"@id": f"{BASE}/iiif/{name}/full/full/0/default.jpg", "service": service}
    return {
        "@id": f"{BASE}/book/B001/canvas/{name}",
        "@type": "sc:Canvas",
        "width": WIDTH // 2,
        "height": HEIGHT // 2,
        "images": [{"resource": resource}],
    }


def manifest_2(**more: Any) -> dict[str, Any]:
    return {
        "@context": "http://iiif.io/api/presentation/2/context.json",
        "@id": f"{BASE}/book/B001/manifest.json",
        "@type": "sc:Manifest",
        "label": "文正草子",
        "attribution": "A library",
        "license": "https://creativecommons.org/licenses/by-sa/4.0/",
        "sequences": [{"canvases": [canvas_2("p1"), canvas_2("p10")]}],
    } | more


def curation() -> dict[str, Any]:
    members = [
        {
            "@id": f"{BASE}/book/B001/canvas/{canvas}#xywh={fragment}",
            "@type": "sc:Canvas",
            "label": f"{canvas}-{number}",
            "metadata": [
                {"label": "性別", "value": gender},
                {"label": "身分", "value": status},
                {"label": "向き", "value": direction},
                {"label": "巻", "value": "上" if number % 2 else "下"},
                {"label": "タグ", "value": "老人"},
                {"label": "タグ", "value": f"人{number}"},
                {"label": "注", "value": {"@type": "oa:Annotation", "resource": {}}},
            ],
        }
        for number, (canvas, fragment, gender, status, direction) in enumerate(FACES)
    ]
    within = {"@id": f"{BASE}/book/B001/manifest.json", "@type": "sc:Manifest", "label": "文正草子"}
    return {
        "@context": [
            "http://iiif.io/api/presentation/2/context.json",
            "http://codh.rois.ac.jp/iiif/curation/1/context.json",
        ],
        "@type": "cr:Curation",
        "@id": f"{BASE}/curation/faces.json",
        "label": "顔貌サンプル",
        "attribution": "Somebody",
        "selections": [{"@id": "r1", "@type": "sc:Range", "label": "Faces", "within": within, "members": members}],
    }


def manifest_3(**more: Any) -> dict[str, Any]:
    canvases = []
    for name in ("p1", "p10"):
        body = {
            "id": f"{BASE}/iiif/{name}/full/max/0/default.jpg",
            "type": "Image",
            "service": [{"id": f"{BASE}/iiif/{name}", "type": "ImageService3"}],
        }
        target = f"{BASE}/book/B003/canvas/{name}"
        faces = [face for face in FACES if face[0] == name]
        annotations = [
            {
                "type": "Annotation",
                "body": {"type": "TextualBody", "value": face[2]},
                "target": _target(target, face[1], n),
            }
            for n, face in enumerate(faces)
        ]
        canvases.append(
            {
                "id": target,
                "type": "Canvas",
                "width": WIDTH // 2,
                "height": HEIGHT // 2,
                "items": [{"type": "AnnotationPage", "items": [{"body": body, "target": target}]}],
                "annotations": [{"type": "AnnotationPage", "items": annotations}],
            }
        )
    return {
        "@context": "http://iiif.io/api/presentation/3/context.json",
        "id": f"{BASE}/book/B003/manifest.json",
        "type": "Manifest",
        "label": {"ja": ["文正草子"]},
        "requiredStatement": {"label": {"en": ["Attribution"]}, "value": {"en": ["A library"]}},
        "rights": "https://creativecommons.org/licenses/by/4.0/",
        "items": canvases,
    } | more


def _target(canvas: str, fragment: str, number: int) -> Any:
    """The two forms in which an annotation may name a region."""
    if number % 2:
        return {"source": {"id": canvas}, "selector": {"type": "FragmentSelector", "value": f"xywh=pixel:{fragment}"}}
    return f"{canvas}#xywh={fragment}"


def documents() -> dict[str, Any]:
    """Everything by host/path, as the fake server and a folder of documents hold it."""
    return {
        f"{HOST}/curation/faces.json": curation(),
        f"{HOST}/book/B001/manifest.json": manifest_2(),
        f"{HOST}/book/B003/manifest.json": manifest_3(),
        f"{HOST}/iiif/p1/info.json": info("p1"),
        f"{HOST}/iiif/p10/info.json": info("p10"),
    }
