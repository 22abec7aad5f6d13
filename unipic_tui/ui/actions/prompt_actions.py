"""Commands of the prompt editor and of running."""

from __future__ import annotations

from unipic_tui.errors import InputError
from unipic_tui.jobs import KINDS, DescribeJob, EditJob, GenerateJob, random_seed
from unipic_tui.text import amount
from unipic_tui.ui.actions.actions import Actions
from unipic_tui.ui.commands import PICTURE, QUEUE, RUN
from unipic_tui.ui.draft import plan_jobs
from unipic_tui.ui.fields import all_fields, field_of, read
from unipic_tui.ui.iterate import split_settings
from unipic_tui.ui.notices import complain
from unipic_tui.ui.screens.queue_screen import QueueScreen


class PromptActions(Actions):
    """The prompt, its settings, running jobs."""

    @RUN.command("run", "ctrl+r,ctrl+j,ctrl+enter", "Run", hint="Run", rank=1)
    async def run(self) -> None:
        """Draw, edit or describe, as the prompt says."""
        composer = self._composer
        draft = composer.draft()
        planned = plan_jobs(draft, composer.defaults, self._random)
        composer.prompt.remember(composer.prompt.text)
        # The prompt stays, to be changed and run again; being selected, it makes way for another.
        # Before anything is waited for, so that no key typed meanwhile is selected with it.
        composer.prompt.keep()
        entries = await self._controller.queue.run(planned)
        if draft.region is not None:
            # Once more of the same is what Remix does with the result.
            composer.use_region(None, None)
        for note in planned.notes:
            self._say(note)
        if len(entries) > 1:
            self._say(f"{amount(len(entries), 'job')} in the queue.")
        if self._state.load_failure is not None:
            words = "The job waits until a checkpoint is loaded (Ctrl+P)."
            complain(self._screen, "No model is loaded", words)

    @RUN.command(
        *("cancel", "escape,ctrl+c", "Cancel the running job"),
        hint="Cancel",
        rank=0,
        needs="job",
        yields=True,
    )
    async def cancel(self) -> None:
        """Stop the running job; the queue goes on."""
        self._controller.queue.cancel_running()

    @RUN.command("mode", "f2", "Draw, edit or describe", hint="Mode", rank=2)
    async def next_mode(self) -> None:
        """Switch to the next of the three modes."""
        modes = list(KINDS)
        place = modes.index(self._composer.mode)
        self._composer.mode = modes[(place + 1) % len(modes)]

    @RUN.command("mode.draw", "", "Draw from a prompt")
    async def draw(self) -> None:
        """Generate pictures from a prompt."""
        self._composer.mode = GenerateJob.mode

    @RUN.command("mode.edit", "", "Edit the chosen picture")
    async def edit(self) -> None:
        """Edit the chosen picture as the prompt says."""
        self._composer.mode = EditJob.mode

    @RUN.command("mode.describe", "", "Ask about the chosen picture")
    async def describe(self) -> None:
        """Describe the chosen picture, or answer a question about it."""
        self._composer.mode = DescribeJob.mode

    @RUN.command("prompt.previous", "alt+up", "Previous prompt")
    async def previous_prompt(self) -> None:
        """Bring back an earlier prompt of any session."""
        self._step(1)

    @RUN.command("prompt.next", "alt+down", "Next prompt")
    async def next_prompt(self) -> None:
        """Go forward again through the earlier prompts."""
        self._step(-1)

    def _step(self, direction: int) -> None:
        self._composer.prompt.step_history(direction)
        self._composer.prompt.focus()

    @RUN.command("prompt.clear", "ctrl+l", "Clear the prompt")
    async def clear(self) -> None:
        """Empty the prompt, and forget a chosen region."""
        composer = self._composer
        composer.prompt.show("")
        composer.use_region(None, None)
        composer.prompt.focus()

    @RUN.command("settings.more", "f4", "More settings", hint="Settings", rank=4)
    async def more(self) -> None:
        """Show or hide the settings that are used less often."""
        settings = self._composer.settings
        settings.advanced = not settings.advanced
        if settings.advanced:
            settings.focus_advanced()
        else:
            self._composer.prompt.focus()

    @RUN.command("settings.seed", "ctrl+g", "Lock or unlock the seed")
    async def seed(self) -> None:
        """Keep the chosen picture's seed for what is drawn next, or draw new ones."""
        composer = self._composer
        texts = composer.settings.texts
        if texts["seed"]:
            composer.settings.put({"seed": ""})
            self._say("Each picture gets a new seed.")
            return
        picture = self._state.picture
        seed = (picture.seed if picture else None) or 0
        composer.settings.put({"seed": str(seed)})
        self._say(f"The seed is locked at {seed}.")

    @RUN.command("settings.reset", "", "Reset the settings")
    async def reset(self) -> None:
        """Let all fields be as they were at the start."""
        texts = {field.key: field.empty for field in all_fields()}
        self._composer.settings.put(texts | self._composer.first_texts)

    @QUEUE.command("queue", "f8", "Show the queue", hint="Queue", rank=6)
    async def queue(self) -> None:
        """See the waiting jobs; reorder, hold, cancel or retry them."""
        self._screen.app.push_screen(QueueScreen(self._controller))

    @QUEUE.command("queue.pause", "f9", "Pause or resume the queue")
    async def pause(self) -> None:
        """Start no further jobs, or resume."""
        self._controller.queue.pause()
        paused = "paused: no further job starts"
        self._say(f"The queue is {paused if self._state.thread.paused else 'running again'}.")

    @QUEUE.command("retry", "R", "Retry the chosen job", place="browser")
    async def retry(self) -> None:
        """Run a job again that failed, was cancelled or interrupted."""
        entry = self._state.entry
        if entry is None or entry.state not in {"failed", "cancelled", "interrupted"}:
            self._say("Choose a job that failed or was cancelled.")
            return
        await self._controller.queue.retry(entry)

    @PICTURE.command("branch", "b", "Branch off this job")
    async def branch(self) -> None:
        """Continue a stopped or running job from its current step with the editor's prompt."""
        entry = self._state.entry
        if entry is None:
            raise InputError("Choose a job first: one that is being drawn or was stopped.")
        draft = self._composer.draft()
        prompt, assigned = split_settings(draft.prompt, GenerateJob)
        field = field_of(GenerateJob.mode, "seed")
        seed = read(field, assigned.get("seed", draft.text(field.key)))[0]
        if not isinstance(seed, int):
            seed = random_seed(self._random)
        await self._controller.queue.branch(entry, prompt.strip() or entry.job.prompt, seed)
