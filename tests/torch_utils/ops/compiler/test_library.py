from torch_utils.ops.compiler.library import libraries


def test_sources_are_shared_out_and_the_slow_one_stands_alone(tmp_path):
    for name in ("b.cpp", "a.cpp", "bias_act.cu", "filtered_lrelu.cu", "common.cuh", "math.h", "notes.txt"):
        (tmp_path / name).touch()
    found = {library.name: [path.name for path in library.sources] for library in libraries(cuda=True, folder=tmp_path)}
    assert found == {
        "ops_cpu": ["a.cpp", "b.cpp"],
        "ops_cuda": ["bias_act.cu"],
        "ops_cuda_filtered_lrelu": ["filtered_lrelu.cu"],
    }
    (cpu,) = libraries(cuda=False, folder=tmp_path)
    assert (cpu.name, cpu.cuda, [path.name for path in cpu.headers]) == ("ops_cpu", False, ["common.cuh", "math.h"])


def test_without_sources_there_are_no_libraries(tmp_path):
    (tmp_path / "common.cuh").touch()
    assert libraries(cuda=True, folder=tmp_path) == []
    assert libraries(cuda=True, folder=tmp_path / "absent") == []
