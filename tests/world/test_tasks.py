"""Hand-made tasks whose right verdict is known: sound ones are certified, flawed ones refused for their flaw."""

import pytest

from synthtools.exports.task_content import read_tasks, write_corpus
from synthtools.world.certificate import certify, certify_many, staleness
from synthtools.world.verify import verify
from tests.world.tasks import bank_tasks, club_tasks, hotel_tasks, shop_tasks
from tests.world.tasks import rollouts as bank_and_shop

_MODULES = (hotel_tasks, bank_tasks, shop_tasks, club_tasks)
SOUND = {**bank_tasks.SOUND, **shop_tasks.SOUND, **club_tasks.SOUND}
FLAWED = {name: flawed for module in _MODULES for name, flawed in module.FLAWED.items()}
ROLLOUTS = {**bank_and_shop.ROLLOUTS, **club_tasks.ROLLOUTS}


@pytest.fixture(scope="module")
def certificates():
    """One process replays them all."""
    return dict(zip(SOUND, certify_many(SOUND.values()), strict=True))


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_task_is_certified_and_all_its_broken_variants_fail(name, certificates):
    found = certificates[name]
    assert [(check.name, check.detail) for check in found.checks if not check.passed] == []
    assert found.grade == "certified"
    assert found.killed == found.variants > 0


def test_certificates_stay_fresh_in_the_files_of_a_corpus(certificates, tmp_path):
    tasks = [
        task.model_copy(update={"id": f"seq{index}", "certificate": certificates[name]})
        for index, (name, task) in enumerate(SOUND.items())
    ]
    read = list(read_tasks(write_corpus(tasks, tmp_path).content))
    assert [task.certificate for task in read] == [task.certificate for task in tasks]
    assert [staleness(task) for task in read] == [[]] * len(tasks)


@pytest.mark.parametrize("flawed", FLAWED.values(), ids=FLAWED)
def test_a_flawed_task_is_refused_for_its_flaw(flawed):
    found = certify(flawed.task, second_solution=flawed.second) if flawed.second else certify_many([flawed.task])[0]
    assert found.grade == "refused"
    failed = {check.name: check.detail for check in found.checks if not check.passed}
    assert flawed.words in failed[flawed.check]


@pytest.mark.parametrize("rollout", ROLLOUTS.values(), ids=ROLLOUTS)
def test_a_rollout_gets_its_verdict(rollout):
    verdict = verify(rollout.task, rollout.calls, rollout.answer)
    assert verdict.passed is rollout.passes, verdict.explanation
    if rollout.fails:
        assert rollout.fails in {check.name for check in verdict.checks if not check.passed}


def test_there_are_enough_of_each_and_none_hides_another():
    assert len(SOUND) == len(bank_tasks.SOUND) + len(shop_tasks.SOUND) + len(club_tasks.SOUND) >= 25
    assert len(FLAWED) == sum(len(module.FLAWED) for module in _MODULES) >= 60
    assert len(ROLLOUTS) == len(bank_and_shop.ROLLOUTS) + len(club_tasks.ROLLOUTS) >= 30
